from runbook.domain.health import why_not_healthy_cluster
from tests.fakes.clusters import IDS, alive, cluster, dead


def test_a_cluster_whose_members_all_answer_is_healthy() -> None:
    assert why_not_healthy_cluster(cluster(alive(1), alive(2), configured=2)) is None


def test_the_reason_names_each_unhealthy_replica_with_its_node() -> None:
    reason = why_not_healthy_cluster(cluster(alive(1), dead(2)))
    assert reason == "bbbbbbbbbbbb on dtr2: not running: rethinkdb"


def test_an_expected_replica_must_be_counted() -> None:
    reason = why_not_healthy_cluster(cluster(alive(1), configured=1), expected=(IDS[1],))
    assert reason == "bbbbbbbbbbbb is not counted among aaaaaaaaaaaa"


def test_no_replica_is_not_healthy() -> None:
    assert why_not_healthy_cluster(cluster()) == "there is no replica"


def test_quorum_counts_members_that_are_found_nowhere() -> None:
    assert cluster(alive(1), alive(2), configured=3).has_quorum
    assert not cluster(alive(1), configured=3).has_quorum
    assert not cluster().has_quorum


def test_volumes_alone_are_no_member() -> None:
    assert cluster(dead(1, services=False)).members == ()


def test_the_summary_names_silent_nodes() -> None:
    assert cluster(alive(1), unreachable=("dtr2",)).summary() == "1 replicas, 1 healthy, unreachable: dtr2"
