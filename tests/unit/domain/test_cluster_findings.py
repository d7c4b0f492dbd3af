from dataclasses import replace

from runbook.domain.cluster_findings import judge_cluster
from runbook.domain.findings import Level
from runbook.domain.health import ClusterSeen
from tests.fakes.clusters import IDS, alive, cluster, dead


def found(seen: ClusterSeen) -> list[tuple[Level, str, str]]:
    return [(f.level, f.where, f.what) for f in judge_cluster(seen, 3, "2.9.29")]


def test_a_whole_cluster_is_one_line() -> None:
    seen = cluster(alive(1), alive(2), alive(3), configured=3)
    assert found(seen) == [(Level.OK, "registry", "3 replicas, 3 healthy, all of version 2.9.29")]


def test_no_registry_yet_is_a_warning() -> None:
    assert found(cluster()) == [(Level.WARNING, "registry", "no replica is there")]


def test_a_registry_on_silent_nodes_is_not_called_missing() -> None:
    (silent,) = judge_cluster(cluster(unreachable=("msr-1", "msr-2")), 3, "2.9.29")
    assert (silent.level, silent.what) == (Level.WARNING, "not judged: msr-1, msr-2 do not answer")
    assert silent.next_step == "start these nodes; `runbook restore --plan` names the remedy"


def test_one_silent_node_may_hold_the_only_replica() -> None:
    assert found(cluster(unreachable=("dtr1",))) == [
        (Level.WARNING, "registry", "not judged: dtr1 does not answer")
    ]


def test_a_dead_minority_is_a_warning_with_its_node_and_reason() -> None:
    seen = cluster(alive(1), alive(2), dead(3), configured=3)
    assert found(seen) == [(Level.WARNING, "dtr3", "replica cccccccccccc: not running: rethinkdb")]


def test_a_lost_quorum_blocks() -> None:
    assert found(cluster(alive(1), dead(2), dead(3)))[0] == (
        Level.BLOCKS,
        "registry",
        "no quorum: 3 replicas, 1 healthy",
    )


def test_an_even_number_of_replicas_is_a_warning() -> None:
    ((level, _, what),) = found(cluster(alive(1), alive(2), configured=2))
    assert level is Level.WARNING
    assert what.startswith("2 of 3 replicas, an even number")


def test_another_version_than_the_cluster_files_blocks() -> None:
    seen = cluster(alive(1), alive(2), replace(alive(3), version="2.9.28"), configured=3)
    assert found(seen) == [
        (Level.BLOCKS, "dtr3", "replica cccccccccccc runs 2.9.28, the cluster file says 2.9.29")
    ]


def test_a_replica_that_is_no_member_is_a_leftover() -> None:
    seen = ClusterSeen((alive(1), alive(2), alive(3), alive(4)), (), IDS[:3])
    assert found(seen) == [
        (
            Level.WARNING,
            "dtr4",
            "replica dddddddddddd is on it, and the registry does not count it as a member",
        )
    ]


def test_a_leftover_is_the_work_of_a_repair() -> None:
    seen = ClusterSeen((alive(1), alive(2), alive(3), alive(4)), (), IDS[:3])
    (finding,) = judge_cluster(seen, 3, "2.9.29")
    assert "runbook repair --plan" in finding.next_step
