from dataclasses import replace

import pytest

from runbook.domain.disaster import Branch, Unfinished
from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.recovery import Manifest
from runbook.remote.unfinished import note_begun, note_proven, unfinished_restore
from tasks.remains import SetAside, decide_remedy, destroy_remains, set_aside_remains
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.points import take_point


@pytest.fixture
def point(cluster: FakeCluster) -> Manifest:
    cluster.replicas = [alive(1)]
    return take_point(cluster)


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


def test_the_data_of_every_replica_is_set_aside_before_anything_is_destroyed(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.replicas = [alive(1), dead(2, services=False)]
    nodes = {name: cluster.ssh(name) for name in ("dtr1", "dtr2")}
    aside = set_aside_remains.fn(cluster, point)
    assert [(kept.node, kept.replica_id) for kept in aside] == [("dtr1", IDS[0]), ("dtr2", IDS[1])]
    for kept in aside:
        volume = f"dtr-rethink-{kept.replica_id}"
        assert nodes[kept.node].files == {f"{kept.volume}/{volume}/data": f"of {volume}"}
        assert nodes[kept.node].running == set()
    assert cluster.bootstrapper.destroyed == []


def test_a_restore_is_on_record_before_the_first_replica_is_stopped(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.replicas = [alive(1), replace(dead(2), volumes=("dtr-rethink-that-is-not-there",))]
    cluster.ssh("dtr2").volume("dtr-rethink-that-is-not-there").rename(cluster.folder / "elsewhere")
    with pytest.raises(RefusedError, match="could not be set aside"):
        set_aside_remains.fn(cluster, point)
    assert unfinished_restore(cluster.vault, "lab") == Unfinished(point.id, point.replica_id)
    assert len(cluster.replicas) == 2


def test_what_a_first_run_set_aside_is_kept_by_the_second(cluster: FakeCluster, point: Manifest) -> None:
    cluster.replicas = [alive(1)]
    first = set_aside_remains.fn(cluster, point)
    kept = cluster.ssh("dtr1").files
    cluster.replicas = [dead(1, services=False)]  # it died before it destroyed anything
    second = set_aside_remains.fn(cluster, point)
    assert cluster.ssh("dtr1").files == kept
    assert list(kept) == [f"{first[0].volume}/dtr-rethink-{IDS[0]}/data"]
    destroy_remains.fn(cluster, second)
    assert cluster.replicas == []


def test_a_replica_that_destroy_leaves_behind_is_named(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1)]
    cluster.bootstrapper.leaves_behind = True
    with pytest.raises(NotReadyError, match=f"after destroy, containers or volumes of replica {IDS[0]}"):
        destroy_remains.fn(cluster, (SetAside("dtr1", IDS[0], "a"),))


def test_a_forced_restore_is_let_through_and_keeps_the_facts(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    decision = decide_remedy.fn(cluster, "the bucket is lost")
    assert (decision.branch, decision.because) == (Branch.NOTHING, "every replica is healthy")
