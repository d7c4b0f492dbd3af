"""The ways into a machine, tried against OpenSSH's own sshd, sudo and agent."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, RefusedError, RunbookError, UnreachableError
from runbook.remote.ssh import SshConnection, SshPool, SshTarget
from runbook.remote.ssh_transport import SshTransport
from runbook.remote.transport import ContainerRun
from tests.fakes.ssh_server import KeyPair
from tests.integration import ssh_credentials
from tests.integration.real_sshd import OPERATOR, SshdSite, behind, site_of_operator, sshd_site

NO_PASSWORD = f"{OPERATOR} ALL=(ALL) NOPASSWD: ALL"
DOCKER = """#!/bin/sh
echo "args: $*"
echo "password: $UCP_PASSWORD, as $(id -un)"
exec cat
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdSite]:
    folder = tmp_path_factory.mktemp("sshd")
    signer = ssh_credentials.authority(folder)
    with sshd_site(folder, f"TrustedUserCAKeys {signer}.pub\n") as site:
        yield site


@pytest.fixture(scope="module")
def jump(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdSite]:
    with sshd_site(tmp_path_factory.mktemp("jump")) as site:
        yield site


def login(target: SshTarget) -> bytes:
    with SshPool() as pool:
        return pool.get(target).run(("id", "-un")).stdout


def refusal(target: SshTarget) -> RunbookError:
    with SshPool() as pool, pytest.raises(RunbookError) as refused:
        pool.get(target)
    assert "\n" not in refused.value.what
    assert refused.value.next_step
    return refused.value


def test_a_key_behind_a_passphrase_opens_with_it_alone(site: SshdSite, tmp_path: Path) -> None:
    assert site.target.private_key
    key = ssh_credentials.encrypted(tmp_path, site.target.private_key, "four words")
    locked = replace(site.target, private_key=key)
    assert login(replace(locked, passphrase=SecretStr("four words"))) == b"root\n"
    assert "is encrypted" in refusal(locked).what
    assert "ssh.key_passphrase" in refusal(locked).next_step
    wrong = refusal(replace(locked, passphrase=SecretStr("three")))
    assert wrong.what == "the passphrase does not open the SSH private key"
    assert "three" not in str(wrong)


def test_an_agents_keys_are_tried_in_turn(
    site: SshdSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.target.private_key
    with ssh_credentials.agent(tmp_path, KeyPair().private, site.target.private_key) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        assert login(replace(site.target, private_key=None)) == b"root\n"


def test_an_agents_certificate_opens_too(
    site: SshdSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = KeyPair()
    text = ssh_credentials.certificate(site.folder / "authority", pair.public, "root")
    (tmp_path / "held-0-cert.pub").write_text(text)  # where `ssh-add` looks for it
    with ssh_credentials.agent(tmp_path, pair.private) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        assert login(replace(site.target, private_key=None)) == b"root\n"


def test_an_agent_that_opens_nothing_is_told_from_one_that_is_not_there(
    site: SshdSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(site.target, private_key=None)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert refusal(target).what == "ssh.agent is on, and SSH_AUTH_SOCK is not set"
    for folder, keys in (("empty", 0), ("others", 2), ("many", 9)):
        (tmp_path / folder).mkdir()
        held = [KeyPair().private for _ in range(keys)]
        with ssh_credentials.agent(tmp_path / folder, *held) as socket:
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            error = refusal(target)
        expected = "none of the agent's keys was accepted" if keys else "the SSH agent holds no key"
        assert expected in error.what
        assert "`ssh-add`" in error.next_step


def test_a_certificate_opens_where_the_key_alone_does_not(site: SshdSite) -> None:
    pair = KeyPair()
    target = replace(site.target, private_key=pair.private)
    assert "key was not accepted" in refusal(target).what
    text = ssh_credentials.certificate(site.folder / "authority", pair.public, "root")
    assert login(replace(target, certificate=text)) == b"root\n"


@pytest.mark.parametrize(
    ("principal", "valid", "words"),
    [
        ("root", "20200101:20200102", "its certificate expired on 2020-01-02"),
        ("root", "+1d:+2d", "its certificate is valid from"),
        ("backup", "-5m:+1h", "its certificate is for backup and not for root"),
    ],
)
def test_a_certificate_that_does_not_open_says_why(
    site: SshdSite, principal: str, valid: str, words: str
) -> None:
    pair = KeyPair()
    text = ssh_credentials.certificate(site.folder / "authority", pair.public, principal, valid)
    error = refusal(replace(site.target, private_key=pair.private, certificate=text))
    assert words in error.what
    assert "sign a new one" in error.next_step


def test_a_certificate_of_another_authority_or_key_is_refused(site: SshdSite, tmp_path: Path) -> None:
    pair = KeyPair()
    target = replace(site.target, private_key=pair.private)
    text = ssh_credentials.certificate(ssh_credentials.authority(tmp_path), pair.public, "root")
    assert "trusts another authority" in refusal(replace(target, certificate=text)).what
    other = replace(site.target, private_key=KeyPair().private, certificate=text)
    assert refusal(other).what == "ssh.certificate was issued for another key than ssh.key"
    none = refusal(replace(target, certificate=pair.public))
    assert isinstance(none, InvalidConfigError)
    assert none.what == "ssh.certificate holds no OpenSSH user certificate"


def test_all_nodes_share_one_connection_to_the_jump_host(site: SshdSite, jump: SshdSite) -> None:
    nodes = [replace(behind(jump, site.target), name=f"dtr{n}") for n in range(3)]
    before = site.logins, jump.logins
    content = bytes(range(256)) * 20_000
    with SshPool() as pool:
        threads = [threading.Thread(target=pool.get, args=(node,)) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for node in nodes * 2:
            assert pool.get(node).run(("cat",), stdin=content).stdout == content
    assert (site.logins - before[0], jump.logins - before[1]) == (3, 1)


def test_a_jump_host_that_came_back_is_connected_to_again(site: SshdSite, jump: SshdSite) -> None:
    node = behind(jump, site.target)
    assert node.jump
    with SshPool() as pool:
        pool.get(node)
        pool.get(node.jump).close()
        assert pool.get(node).run(("true",)).status == 0


def test_a_jump_host_with_another_key_is_refused_by_its_name(site: SshdSite, jump: SshdSite) -> None:
    node = behind(jump, site.target)
    assert node.jump
    error = refusal(replace(node, jump=replace(node.jump, host_key=KeyPair().public)))
    assert error.where == "jump host 127.0.0.1"
    assert "its host key is" in error.what
    assert "somebody stands in between" in error.next_step


def test_a_node_that_the_jump_host_does_not_reach_is_unreachable(site: SshdSite, jump: SshdSite) -> None:
    error = refusal(replace(behind(jump, site.target), name="dtr1", port=9))
    assert isinstance(error, UnreachableError)
    assert error.where == "dtr1"
    assert "the jump host has no connection to 127.0.0.1 port 9: " in error.what


def test_with_sudo_everything_runs_as_root_with_its_streams_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    with site_of_operator(tmp_path, NO_PASSWORD) as site:
        assert login(site.target) == f"{OPERATOR}\n".encode()
        with SshConnection(replace(site.target, sudo=True)) as node:
            done = node.run(("sh", "-c", "id -un >&2; cat; exit 3"), stdin=content)
            assert (done.status, done.stdout, done.stderr) == (3, content, b"root\n")


def test_with_sudo_a_file_is_put_where_the_login_may_not_write(tmp_path: Path) -> None:
    with site_of_operator(tmp_path, NO_PASSWORD) as site:
        (tmp_path / "of-root").mkdir(mode=0o700)
        with SshConnection(site.target) as node, pytest.raises(RefusedError, match="could not be written"):
            node.put_file("/mnt/of-root/file", b"new", 0o600)
        with SshConnection(replace(site.target, sudo=True)) as node:
            node.put_file("/mnt/of-root/file", b"new", 0o600)
    assert (tmp_path / "of-root" / "file").read_bytes() == b"new"


def test_with_sudo_a_command_that_is_left_early_is_ended_with_its_children(tmp_path: Path) -> None:
    with (
        site_of_operator(tmp_path, NO_PASSWORD) as site,
        SshConnection(replace(site.target, sudo=True)) as node,
    ):
        program = "sleep 71234 & echo up; wait"
        with node.start(("sh", "-c", program), on_stderr=print) as command:
            assert command.stdout.readline() == b"up\n"
        assert node.run(("pgrep", "-r", "D,R,S", "-f", "^sleep 71234")).stdout == b""


def test_with_sudo_the_password_of_a_container_comes_over_its_input(tmp_path: Path) -> None:
    run = ContainerRun(
        "lab/dtr:1", ("backup",), secret_env={"UCP_PASSWORD": SecretStr(" s3 'x' ")}, interactive=True
    )
    with site_of_operator(tmp_path, NO_PASSWORD) as site, SshPool() as pool:
        (tmp_path / "bin" / "docker").write_text(DOCKER)
        (tmp_path / "bin" / "docker").chmod(0o755)
        transport = SshTransport(pool, [replace(site.target, sudo=True)], [])
        with transport.start(run, print) as container:
            container.write(b"archive")
            container.close_stdin()
            args, password, rest = container.stdout.read().split(b"\n")
            assert container.wait() == 0
    assert b"s3" not in args
    assert (password, rest) == (b"password:  s3 'x' , as root", b"archive")


def test_sudo_that_asks_for_a_password_is_an_error_that_says_what_to_write(tmp_path: Path) -> None:
    with (
        site_of_operator(tmp_path, f"{OPERATOR} ALL=(ALL) ALL") as site,
        SshConnection(replace(site.target, sudo=True)) as node,
        pytest.raises(RefusedError) as refused,
    ):
        node.run(("docker", "ps"))
    assert "without a password: sudo: a password is required" in refused.value.what
    assert f"`{OPERATOR} ALL=(ALL) NOPASSWD: ALL`" in refused.value.next_step
