import pytest

from runbook.domain.errors import NotReadyError, RefusedError, UnreachableError
from runbook.domain.findings import Level, from_error
from runbook.domain.plans import Action
from tasks.load_balancer import check_load_balancer, ensure_pool, plan_pool
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive, dead


def test_the_pool_is_set_once_and_kept_by_the_second_run(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2)]
    assert [ensure_pool.fn(cluster).action for _ in range(2)] == [Action.CONFIGURE, Action.KEEP]
    assert cluster.load_balancer.applied == 1
    assert list(cluster.load_balancer.pool_state()) == ["dtr1", "dtr2"]


def test_a_new_replica_changes_the_pool(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    cluster.replicas.append(alive(3))
    done = ensure_pool.fn(cluster)
    assert (done.what, done.reason) == ("pool of dtr1, dtr3", "dtr3 not in its pool")


def test_volumes_without_containers_are_no_member_of_the_pool(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), dead(2, services=False)]
    assert ensure_pool.fn(cluster).what == "pool of dtr1"


def test_a_replica_that_will_leave_is_drained_and_one_that_is_dead_is_taken_out(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), dead(3)]
    assert ensure_pool.fn(cluster, "dtr3").what == "pool of dtr1, dtr2"
    assert cluster.load_balancer.drained == []
    cluster.replicas = [alive(1), alive(2)]
    assert ensure_pool.fn(cluster, "dtr2").what == "pool of dtr1"
    assert (cluster.load_balancer.pool, cluster.load_balancer.drained) == (("dtr1",), ["dtr2"])


def test_a_plan_shows_what_would_be_done_and_touches_nothing(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    assert plan_pool.fn(cluster).action is Action.KEEP
    cluster.replicas.append(alive(2))
    planned = plan_pool.fn(cluster)
    assert (planned.action, planned.where) == (Action.CONFIGURE, "lb-1")
    assert (planned.what, planned.reason) == ("pool of dtr1, dtr2", "dtr2 not in its pool")
    assert cluster.load_balancer.pool == ("dtr1",)


def test_a_cluster_without_a_replica_will_have_the_pool_of_its_first(cluster: FakeCluster) -> None:
    planned = plan_pool.fn(cluster)
    assert (planned.action, planned.what) == (Action.CONFIGURE, "pool of the first replica")


def test_a_replica_that_the_registry_does_not_count_is_no_member_of_the_pool(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2)]
    cluster.counted = (alive(1).replica_id,)
    assert ensure_pool.fn(cluster).what == "pool of dtr1"


def test_two_that_leave_at_once_are_drained_one_after_the_other(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    ensure_pool.fn(cluster)
    assert ensure_pool.fn(cluster, "dtr2,dtr3").what == "pool of dtr1"
    assert cluster.load_balancer.drained == ["dtr2", "dtr3"]
    assert cluster.load_balancer.pool == ("dtr1",)


def test_a_pool_of_the_replicas_that_are_there_is_well(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    (found,) = check_load_balancer.fn(cluster)
    assert (found.level, found.what) == (Level.OK, "1 replicas in its pool, all up")


def test_a_load_balancer_that_cannot_be_asked_is_a_finding(cluster: FakeCluster) -> None:
    cluster.load_balancer.failure = NotReadyError("lb-1", "it is away", "wait")
    assert check_load_balancer.fn(cluster) == (from_error(cluster.load_balancer.failure),)


def test_a_pool_that_cannot_be_compared_is_said_to_be_so_beside_the_reason(cluster: FakeCluster) -> None:
    cluster.not_observed = RefusedError("dtr4", "its host key changed", "compare it")
    reason, pool = check_load_balancer.fn(cluster)
    assert reason == from_error(cluster.not_observed)
    assert (pool.level, pool.where) == (Level.WARNING, "lb-1")
    assert pool.what == "not judged, for dtr4 stands in the way"


def test_a_replica_that_serves_on_a_node_without_ssh_stays_in_the_pool(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    ensure_pool.fn(cluster)
    cluster.without_ssh = ("dtr2",)
    assert [step.fn(cluster).action for step in (plan_pool, ensure_pool)] == [Action.KEEP, Action.KEEP]
    assert cluster.load_balancer.pool == ("dtr1", "dtr2", "dtr3")
    assert [found.level for found in check_load_balancer.fn(cluster)] == [Level.OK]


def test_a_replica_that_serves_on_a_node_without_ssh_is_drained_before_it_leaves(
    cluster: FakeCluster,
) -> None:
    cluster.replicas = [alive(1), alive(2)]
    ensure_pool.fn(cluster)
    cluster.without_ssh = ("dtr2",)
    ensure_pool.fn(cluster, "dtr2")
    assert (cluster.load_balancer.pool, cluster.load_balancer.drained) == (("dtr1",), ["dtr2"])


def test_where_neither_node_nor_replica_answers_the_pool_is_not_touched(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), alive(2), alive(3)]
    ensure_pool.fn(cluster)
    cluster.replicas[1], cluster.without_ssh = dead(2), ("dtr2",)
    for step in (plan_pool, ensure_pool):
        with pytest.raises(UnreachableError, match="dtr2: neither it nor its replica answers") as silent:
            step.fn(cluster)
        assert "runbook repair" in silent.value.next_step
    assert cluster.load_balancer.pool == ("dtr1", "dtr2", "dtr3")
    assert ensure_pool.fn(cluster, "dtr2").what == "pool of dtr1, dtr3"  # it is dead, and will be removed


def test_the_pool_is_never_emptied(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    with pytest.raises(RefusedError, match="no replica is seen that its pool could be made of"):
        ensure_pool.fn(cluster, "dtr1")
    cluster.replicas = []
    with pytest.raises(RefusedError, match="no replica is seen that its pool could be made of") as refused:
        ensure_pool.fn(cluster)
    assert "runbook check" in refused.value.next_step
    assert cluster.load_balancer.pool == ("dtr1",)
