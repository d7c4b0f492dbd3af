"""The load balancer: TCP passthrough to every member, each probed for itself; what kind it is makes no difference."""

from collections.abc import Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, not_judged
from runbook.domain.health import Replica
from runbook.domain.load_balancer import Backend
from runbook.domain.plans import NO_REPLICA, Action, Step
from tasks.policy import step


@step("check load balancer")
def check_load_balancer(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the load balancer is set up as it must be, with the pool of the replicas, each up."""
    try:
        return cluster.load_balancer.check(_backends(cluster, _members(cluster)))
    except RunbookError as error:
        return not_judged(cluster.settings.load_balancer.used.name, error)


@step("plan load balancer pool")
def plan_pool(cluster: ClusterConnection) -> Step:
    """Return the step that `ensure_pool` would take now; nothing is touched."""
    pool = _backends(cluster, _members(cluster))
    if not pool:
        name = cluster.settings.load_balancer.used.name
        return Step(Action.CONFIGURE, name, "pool of the first replica", NO_REPLICA)
    return cluster.load_balancer.plan(pool)


@step("load balancer pool")
def ensure_pool(cluster: ClusterConnection, without: str = "") -> Step:
    """Leave the load balancer passing TCP to every member that is there, each up; to none on `without` ("a,b").

    A healthy replica on `without` gets no new connection first, and its open ones have the time to end.
    """
    members, gone = _members(cluster), without.split(",")
    pool = _backends(cluster, [r for r in members if r.node not in gone])
    leaving = _backends(cluster, [r for r in members if r.node in gone and r.healthy])
    decision = cluster.load_balancer.plan(pool)
    get_run_logger().info("%s", decision)
    for number, backend in enumerate(leaving, start=1):
        cluster.load_balancer.drain(backend, (*pool, *leaving[number:]))
    if not leaving:
        cluster.load_balancer.apply(pool)
    return decision


def _members(cluster: ClusterConnection) -> list[Replica]:
    """Return the members that have containers."""
    seen = cluster.observe()
    return [r for r in seen.replicas if r.services and r.replica_id in seen.members]


def _backends(cluster: ClusterConnection, members: Sequence[Replica]) -> tuple[Backend, ...]:
    """Return these replicas as the load balancer reaches them."""
    addresses = {node.name: node.address for node in cluster.registry_nodes}
    https, http = cluster.settings.registry.https_port, cluster.settings.registry.http_port
    return tuple(
        Backend(r.node, addresses[r.node], https_port=https, http_port=http)
        for r in members
        if r.node in addresses
    )
