"""The load balancer: TCP passthrough to every member, each probed for itself."""

from collections.abc import Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, not_judged
from runbook.domain.health import Replica
from runbook.domain.load_balancer import Backend
from runbook.domain.plans import Step
from tasks.policy import step


@step("check load balancer")
def check_load_balancer(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the load balancer is set up as it must be, with the pool of the replicas, each up."""
    try:
        return cluster.load_balancer.check(_backends(cluster, [r.node for r in _replicas(cluster)]))
    except RunbookError as error:
        return not_judged(cluster.settings.load_balancer.used.name, error)


@step("plan load balancer pool")
def plan_pool(cluster: ClusterConnection, members: Sequence[str]) -> Step:
    """Return the step that `ensure_pool` would take once these nodes hold the replicas; nothing is touched."""
    return cluster.load_balancer.plan(_backends(cluster, members))


@step("load balancer pool")
def ensure_pool(cluster: ClusterConnection, without: str = "") -> Step:
    """Leave the load balancer passing TCP to every replica that is there, each up; to none on `without`.

    A healthy replica on `without` gets no new connection first, and its open ones have the time to end.
    """
    balancer, replicas = cluster.load_balancer, _replicas(cluster)
    pool = _backends(cluster, [r.node for r in replicas if r.node != without])
    leaving = _backends(cluster, [r.node for r in replicas if r.node == without and r.healthy])
    decision = balancer.plan(pool)
    get_run_logger().info("%s", decision)
    if leaving:
        balancer.drain(leaving[0], pool)
    else:
        balancer.apply(pool)
    return decision


def _replicas(cluster: ClusterConnection) -> list[Replica]:
    """Return the replicas that have containers."""
    return [replica for replica in cluster.observe().replicas if replica.services]


def _backends(cluster: ClusterConnection, members: Sequence[str]) -> tuple[Backend, ...]:
    """Return these nodes as the load balancer reaches their replicas."""
    addresses = {node.name: node.address for node in cluster.registry_nodes}
    port = cluster.settings.registry.https_port
    return tuple(Backend(node, addresses[node], https_port=port) for node in members if node in addresses)
