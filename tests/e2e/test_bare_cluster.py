"""Faults that the look at the beginning finds: named all at once, and nothing was touched."""

import re

import paramiko
import pytest

from runbook.domain.errors import InvalidConfigError, RefusedError, UnreachableError
from tests.e2e.cluster_files import node_of
from tests.e2e.conftest import fault
from tests.e2e.host_keys import other_host_key
from tests.e2e.runs import assert_failed, assert_run_failed, deployed, runbook
from tests.e2e.world import look

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(bare):
    """The world before any of these tests, to which each of them leaves it."""
    return look(bare)


def test_an_invalid_cluster_file_is_refused_with_all_its_problems_at_once(bare, altered):
    def spoil(content):
        content["replicas"] = 2
        content["control_plane"]["password"] = "in clear text"
        del node_of(content, "dtr2")["host_key"]
        node_of(content, "dtr3")["role"] = "spare"
        content["vault"]["url"] = "ftp://nowhere"

    ended = runbook("install", cluster=altered(spoil))
    assert ended.status == InvalidConfigError.exit_status
    assert re.search(r"cluster\.yaml: 5 problems: ", ended.words)
    for place in ("replicas", "control_plane.password", "nodes[2].host_key", "nodes[3].role", "vault.url"):
        assert f" {place}: " in ended.words
    assert "\nNext: correct the file, then run again" in ended.words
    assert "in clear text" not in ended.stdout + ended.stderr
    assert not ended.state, "it is told before a run begins"


def test_the_plan_of_an_install_touches_nothing(bare, world):
    planned = runbook("install", "--plan", cluster=bare.file)
    assert planned.status == 0
    assert "there is no replica" in planned.stdout
    assert look(bare) == world


def test_a_wrong_control_plane_password_is_refused(bare, world, altered, tmp_path):
    (tmp_path / "password").write_text("not the password")
    file = altered(lambda content: content["control_plane"].update(password=f"file:{tmp_path}/password"))
    ended = runbook("install", cluster=file)
    where = f"control plane {bare.control_plane_url}"
    assert_failed(ended, RefusedError, where, "wrong user or password", "correct the control plane's user")
    assert_run_failed(deployed("install/on-demand", file), where, "wrong user or password", "correct")
    assert "not the password" not in ended.stderr
    assert look(bare) == world


def test_a_host_key_of_a_kind_that_was_never_pinned_is_refused(bare, world, altered):
    pinned = f"ecdsa-sha2-nistp256 {paramiko.ECDSAKey.generate().get_base64()}"
    file = altered(lambda content: node_of(content, "dtr2").update(host_key=pinned))
    ended = runbook("install", cluster=file)
    assert_failed(ended, RefusedError, "dtr2", "no acceptable host key", "see which algorithms and host keys")
    assert look(bare) == world


def test_a_changed_host_key_is_refused_with_both_fingerprints(bare, world):
    with other_host_key("dtr4"):
        ended = runbook("install", cluster=bare.file)
    assert_failed(
        ended,
        RefusedError,
        "dtr4",
        r"its host key is ssh-ed25519 SHA256:\S+, the cluster file pins ssh-ed25519 SHA256:\S+",
        "compare with `ssh-keygen",
    )
    assert look(bare) == world


def test_a_node_that_is_not_in_the_cluster_is_refused(bare, world, altered):
    file = altered(lambda content: node_of(content, "dtr4").update(name="dtr9"))
    ended = runbook("install", cluster=file)
    assert_failed(
        ended,
        RefusedError,
        "check",
        "dtr9: the control plane does not know this node; it knows dtr1, dtr2, dtr3, dtr4, ucp1",
        "join it to the swarm",
    )
    assert look(bare) == world


def test_several_faults_are_named_at_once_and_the_gravest_decides(bare, world, altered, tmp_path):
    def spoil(content):
        content["control_plane"]["password"] = f"file:{tmp_path}/password"
        node_of(content, "dtr3").update(port=2222)

    (tmp_path / "password").write_text("not the password")
    ended = runbook("install", cluster=altered(spoil))
    what = "2 findings block: dtr3: no SSH connection .*; control plane .*: wrong user or password"
    assert_failed(ended, RefusedError, "check", what, "dtr3: .*; control plane .*: correct")
    assert look(bare) == world


def test_a_node_that_is_off_blocks_an_install(bare, world, altered):
    file = altered(lambda content: content["ssh"].update(connect_timeout=3))
    with fault("node-off", "dtr2"):
        ended = runbook("install", cluster=file)
    assert_failed(
        ended, UnreachableError, "dtr2", "no SSH connection to .* port 22", "see that the node is up"
    )
    assert look(bare) == world
