"""The load balancer: TCP passthrough to every member, each probed for itself; what kind it is makes no difference."""

from collections.abc import Collection

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, not_judged
from runbook.domain.load_balancer import Backend
from runbook.domain.plans import NO_REPLICA, Action, Step
from runbook.domain.pool import choose_pool, nodes_of_members
from tasks.policy import step


@step("check load balancer")
def check_load_balancer(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the load balancer is set up as it must be, with the pool of the replicas, each up."""
    try:
        return cluster.load_balancer.check(_backends(cluster, nodes_of_members(cluster.observe())))
    except RunbookError as error:
        return not_judged(_name(cluster), error)


@step("plan load balancer pool")
def plan_pool(cluster: ClusterConnection) -> Step:
    """Return the step that `ensure_pool` would take now; nothing is touched."""
    seen = cluster.observe()
    if not seen.members:
        return Step(Action.CONFIGURE, _name(cluster), "pool of the first replica", NO_REPLICA)
    return cluster.load_balancer.plan(_backends(cluster, choose_pool(seen, _name(cluster)).stay))


@step("load balancer pool")
def ensure_pool(cluster: ClusterConnection, without: str = "") -> Step:
    """Leave the load balancer passing TCP to every member that is there, each up; to none on `without` ("a,b").

    A replica on `without` that serves gets no new connection first, and its open ones have the time to end.
    Where a member can be seen in no way, or none is left, the pool is not touched.
    """
    chosen = choose_pool(cluster.observe(), _name(cluster), without.split(","))
    pool, leaving = _backends(cluster, chosen.stay), _backends(cluster, chosen.leaving)
    decision = cluster.load_balancer.plan(pool)
    get_run_logger().info("%s", decision)
    for number, backend in enumerate(leaving, start=1):
        cluster.load_balancer.drain(backend, (*pool, *leaving[number:]))
    if not leaving:
        cluster.load_balancer.apply(pool)
    return decision


def _name(cluster: ClusterConnection) -> str:
    return cluster.settings.load_balancer.used.name


def _backends(cluster: ClusterConnection, nodes: Collection[str]) -> tuple[Backend, ...]:
    """Return the replicas of these nodes as the load balancer reaches them; those of no registry node have no way."""
    https, http = cluster.settings.registry.https_port, cluster.settings.registry.http_port
    addresses = {node.name: node.address for node in cluster.registry_nodes}
    return tuple(
        Backend(name, addresses[name], https_port=https, http_port=http)
        for name in nodes
        if name in addresses
    )
