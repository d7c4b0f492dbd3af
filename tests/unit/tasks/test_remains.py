import pytest

from runbook.domain.disaster import Branch, Unfinished
from runbook.domain.errors import RefusedError
from runbook.remote.unfinished import note_begun, note_proven
from tasks.remains import SetAside, decide_remedy, destroy_remains
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead


def test_a_healthy_registry_is_not_restored(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    with pytest.raises(RefusedError, match="it is not needed: every replica is healthy"):
        decide_remedy.fn(cluster)


def test_an_unfinished_restore_may_be_started_again_until_it_is_proven(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1)]
    note_begun(cluster.vault, "lab", Unfinished("20261122T013000Z-0123abcd", IDS[0]))
    assert decide_remedy.fn(cluster).branch is Branch.RESTORE
    note_proven(cluster.vault, "lab")
    with pytest.raises(RefusedError, match="the majority is dead, and a database can be read"):
        decide_remedy.fn(cluster)


def test_every_replica_whose_data_was_set_aside_is_destroyed_once(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1), dead(2, services=False)]
    aside = (SetAside("dtr1", IDS[0], "a"), SetAside("dtr2", IDS[1], "b"))
    assert [step.where for step in destroy_remains.fn(cluster, aside)] == ["dtr1", "dtr2"]
    assert cluster.bootstrapper.destroyed == [IDS[0], IDS[1]]
    assert destroy_remains.fn(cluster, aside) == ()


def test_a_replica_that_came_back_meanwhile_is_not_destroyed(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1)]
    with pytest.raises(RefusedError, match="came back meanwhile; its data was not set aside"):
        destroy_remains.fn(cluster, ())
    assert cluster.bootstrapper.destroyed == []


def test_a_registry_that_serves_is_not_restored_because_its_nodes_are_silent(cluster: FakeCluster) -> None:
    cluster.unreachable = ("dtr1", "dtr2", "dtr3")
    cluster.serves = True
    with pytest.raises(RefusedError, match="the registry serves, and dtr1, dtr2, dtr3 cannot be reached"):
        decide_remedy.fn(cluster)
