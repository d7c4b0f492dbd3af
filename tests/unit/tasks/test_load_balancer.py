from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.domain.findings import Level, from_error
from runbook.domain.plans import Action
from tasks.load_balancer import check_load_balancer, ensure_pool
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
    assert ensure_pool.fn(cluster).what == "pool of dtr1, dtr3"


def test_a_configuration_written_by_hand_is_found_before_anything_is_touched(cluster: FakeCluster) -> None:
    cluster.load_balancer.text = "frontend intranet\n    bind *:443\n"
    (finding,) = check_load_balancer.fn(cluster)
    assert (finding.level, finding.where, finding.error) == ("blocks", "lb-1", ForeignFileError)
    cluster.load_balancer.take_over = True
    (finding,) = check_load_balancer.fn(cluster)
    assert (finding.level, finding.what) == ("warning", "its pool is not that of the replicas")


def test_the_load_balancer_listens_on_the_port_of_the_external_url(cluster: FakeCluster) -> None:
    cluster.settings.registry.external_url = "https://registry.example.com:4443"
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    binds = [line.strip() for line in cluster.load_balancer.text.splitlines() if "bind" in line]
    assert binds == ["bind *:4443", "bind *:80", "bind 127.0.0.1:8181"]


def test_volumes_without_containers_are_no_member_of_the_pool(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), dead(2, services=False)]
    assert ensure_pool.fn(cluster).what == "pool of dtr1"


def test_a_pool_of_the_replicas_that_are_there_is_well(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    ensure_pool.fn(cluster)
    (found,) = check_load_balancer.fn(cluster)
    assert (found.level, found.what) == (Level.OK, "1 replicas in its pool, all up")


def test_a_pool_that_cannot_be_compared_is_said_to_be_so_beside_the_reason(cluster: FakeCluster) -> None:
    cluster.not_observed = RefusedError("dtr4", "its host key changed", "compare it")
    reason, pool = check_load_balancer.fn(cluster)
    assert reason == from_error(cluster.not_observed)
    assert (pool.level, pool.where) == (Level.WARNING, "lb-1")
    assert pool.what == "not judged, for dtr4 stands in the way"
