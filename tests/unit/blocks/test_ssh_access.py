import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.cluster import RegistryCluster
from blocks.settings import ClusterSettings
from blocks.ssh_access import SshAccess
from runbook.domain.errors import InvalidConfigError
from runbook.remote.ssh import SshTarget

EXAMPLE = Path(__file__).parents[3] / "deployments" / "examples" / "msr-2.9-mke.yaml"
PAGE = Path(__file__).parents[3] / "docs" / "ssh.md"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDV3o0hdmXJWfM/gfhcRvtoSwk7zXoG5MULjEHl159En"
JUMP = {"address": "192.0.2.1", "port": 2222, "user": "hop", "host_key": HOST_KEY}


def settings(tmp_path: Path, ssh: dict[str, Any], **node: object) -> ClusterSettings:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["ssh"] = ssh
    document["nodes"][1].update(node)
    for name, content in (("key", "a key"), ("word", "four words"), ("key-cert.pub", "a certificate")):
        (tmp_path / name).write_text(f"{content}\n", encoding="utf-8")
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return RegistryCluster.from_file(path).settings


def targets(tmp_path: Path, ssh: dict[str, Any], **node: object) -> list[SshTarget]:
    found = settings(tmp_path, ssh, **node)
    return [machine.target(found.ssh) for machine in [*found.nodes, found.load_balancer.haproxy]]


def test_a_key_with_passphrase_and_certificate_goes_to_every_machine(tmp_path: Path) -> None:
    ssh = {"key": "file:key", "key_passphrase": "file:word", "certificate": "file:key-cert.pub"}
    for target in targets(tmp_path, ssh):
        assert target.private_key
        assert target.private_key.get_secret_value() == "a key"
        assert target.passphrase
        assert target.passphrase.get_secret_value() == "four words"
        assert target.certificate == "a certificate"
        assert (target.user, target.sudo, target.jump) == ("root", False, None)


def test_with_an_agent_no_key_is_named(tmp_path: Path) -> None:
    assert {target.private_key for target in targets(tmp_path, {"agent": True})} == {None}


def test_a_jump_host_is_the_same_for_every_machine_and_has_a_login_of_its_own(tmp_path: Path) -> None:
    jumps = {target.jump for target in targets(tmp_path, {"key": "file:key", "jump": JUMP, "sudo": True})}
    (jump,) = jumps
    assert jump
    assert (jump.name, jump.address, jump.port, jump.user) == (
        "jump host 192.0.2.1",
        "192.0.2.1",
        2222,
        "hop",
    )
    assert (jump.host_key, jump.jump, jump.sudo) == (HOST_KEY, None, False)


def test_a_machine_may_have_a_login_and_port_of_its_own_and_root_needs_no_sudo(tmp_path: Path) -> None:
    ssh = {"user": "ops", "sudo": True, "key": "file:key"}
    common, own, *_ = targets(tmp_path, ssh, user="root", port=2022)
    assert (common.user, common.port, common.sudo) == ("ops", 22, True)
    assert (own.user, own.port, own.sudo) == ("root", 2022, False)


def test_all_that_is_wrong_about_the_way_in_is_named_at_once(tmp_path: Path) -> None:
    ssh = {
        "agent": True,
        "key": "hunter2",
        "sudo": "perhaps",
        "jump": {"address": "a b", "port": 0, "host_key": "no"},
        "jmup": 1,
    }
    with pytest.raises(InvalidConfigError) as invalid:
        settings(tmp_path, ssh)
    assert invalid.value.what.startswith("7 problems: ")
    for path in ("agent", "key", "sudo", "jump.address", "jump.port", "jump.host_key", "jmup"):
        assert f"ssh.{path}: " in invalid.value.what
    assert "hunter2" not in invalid.value.what


@pytest.mark.parametrize(
    ("ssh", "words"),
    [
        ({"user": "root"}, "ssh.key: name a private key, or set `agent: true`"),
        ({"agent": True, "key": "file:key"}, "ssh.agent: ssh.key is there too"),
        ({"agent": True, "key_passphrase": "file:word"}, "ssh.key_passphrase: belongs to ssh.key"),
        ({"agent": True, "certificate": "file:key-cert.pub"}, "ssh.certificate: belongs to ssh.key"),
    ],
)
def test_there_is_one_way_in(tmp_path: Path, ssh: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfigError, match=words):
        settings(tmp_path, ssh)


def test_what_the_page_about_ssh_shows_is_valid() -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    accesses = [SshAccess.model_validate(yaml.safe_load(block)["ssh"]) for block in shown]
    assert [access.sudo for access in accesses] == [False, False, False, True, False]
