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
