from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.findings import Level, from_error
from tasks.control_plane import check_control_plane
from tests.fakes.cluster_connection import FakeCluster

NO_PASSWORD = InvalidConfigError("env:MKE_PASSWORD", "is not set", "export MKE_PASSWORD, then run again")
WRONG_PASSWORD = RefusedError("control plane", "wrong user or password", "correct them")


def test_a_control_plane_that_knows_every_node_is_one_line(cluster: FakeCluster) -> None:
    (found,) = check_control_plane.fn(cluster)
    assert (found.level, found.what) == (Level.OK, "https://mke.example.com knows all 5 nodes")


def test_a_missing_password_is_a_finding(cluster: FakeCluster) -> None:
    cluster.no_access = NO_PASSWORD
    assert check_control_plane.fn(cluster) == (from_error(NO_PASSWORD),)


def test_a_wrong_password_is_a_finding(cluster: FakeCluster) -> None:
    cluster.plane.refusal = WRONG_PASSWORD
    assert check_control_plane.fn(cluster) == (from_error(WRONG_PASSWORD),)


def test_every_node_that_is_not_ready_or_not_known_is_a_finding(cluster: FakeCluster) -> None:
    cluster.plane.members["msr-1"] = "down"
    del cluster.plane.members["msr-2"]
    assert [found.where for found in check_control_plane.fn(cluster)] == ["msr-1", "msr-2"]


def test_a_scheduler_that_keeps_the_bootstrapper_off_registry_nodes_blocks(cluster: FakeCluster) -> None:
    cluster.plane.admins_anywhere = False
    (found,) = check_control_plane.fn(cluster)
    assert (found.level, found.where) == (Level.BLOCKS, "control plane")
    assert "enable_admin_ucp_scheduling is false" in found.what


def test_a_registry_node_that_runs_the_control_plane_too_is_named(cluster: FakeCluster) -> None:
    cluster.plane.also_managers = frozenset({"msr-1"})
    assert [found.where for found in check_control_plane.fn(cluster)] == ["msr-1"]


def test_two_ports_for_one_registry_are_a_warning_though_nobody_is_let_in(cluster: FakeCluster) -> None:
    cluster.settings.registry.https_port = 4443
    cluster.plane.refusal = WRONG_PASSWORD
    assert [found.where for found in check_control_plane.fn(cluster)] == [
        "registry.external_url",
        "control plane",
    ]
