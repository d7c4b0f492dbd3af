import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.findings import Level, from_error
from runbook.domain.plans import Action
from tasks.replicas import (
    check_replicas,
    choose_joins,
    ensure_replica_on,
    observe_cluster,
    verify_replicas,
)
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive, dead


def test_a_replica_joins_once_and_is_kept_by_the_second_run(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    actions = [ensure_replica_on.fn(cluster, "dtr2")[-1].action for _ in range(2)]
    assert actions == [Action.JOIN, Action.KEEP]
    assert [r.node for r in cluster.replicas] == ["dtr1", "dtr2"]


def test_no_replica_joins_beside_a_dead_one(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), dead(2)]
    with pytest.raises(RefusedError, match="no join while the cluster is not healthy"):
        ensure_replica_on.fn(cluster, "dtr3")
    assert len(cluster.replicas) == 2


def test_joins_are_planned_without_touching_anything(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    steps = choose_joins.fn(cluster, 3).steps
    assert [step.action for step in steps] == [
        *(Action.KEEP, Action.JOIN, Action.CONFIGURE, Action.JOIN, Action.CONFIGURE)
    ]
    assert len(cluster.replicas) == 1


def test_a_counted_and_healthy_cluster_is_returned_as_it_is(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    assert len(verify_replicas.fn(cluster, 3).healthy) == 3


def test_a_whole_cluster_is_one_line(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    (found,) = check_replicas.fn(cluster)
    assert (found.level, found.what) == (Level.OK, "3 replicas, 3 healthy, all of version 2.9.29")


def test_what_keeps_the_replicas_from_being_checked_is_a_finding(cluster: FakeCluster) -> None:
    cluster.not_observed = RefusedError("dtr4", "its host key changed", "compare it")
    reason, registry = check_replicas.fn(cluster)
    assert reason == from_error(cluster.not_observed)
    assert (registry.level, registry.where) == (Level.WARNING, "registry")


def test_what_is_decided_on_the_replicas_fails_where_they_cannot_be_observed(cluster: FakeCluster) -> None:
    cluster.not_observed = RefusedError("dtr4", "its host key changed", "compare it")
    with pytest.raises(RefusedError, match="its host key changed"):
        observe_cluster.fn(cluster)
