"""The load balancer: TCP passthrough to every member, each probed for itself."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, Level, not_judged, ok
from runbook.domain.plans import NO_REPLICA, Action, Step
from runbook.domain.versions import probe_path
from runbook.remote.haproxy import Backend, Front, render, why_not_up
from runbook.remote.waiting import wait_until
from tasks.policy import step

UP_WITHIN = 60.0
"""Seconds within which every replica of a new pool must be up in the balancer's eyes."""


@step("check load balancer")
def check_load_balancer(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the load balancer can be configured, and whether its pool is up if it has one."""
    name = cluster.settings.load_balancer.haproxy.name
    try:
        if cluster.load_balancer.read() != _render(cluster, _members(cluster)):
            cluster.load_balancer.require_replaceable()
            what, next_step = "its pool is not that of the replicas", "install or scale-out sets it"
            return (Finding(Level.WARNING, name, what, next_step),)
        pool = cluster.load_balancer.pool_state()
    except RunbookError as error:
        return not_judged(name, error)
    if reason := why_not_up(pool, pool):
        return (Finding(Level.WARNING, name, reason, "look at the replicas with `runbook check`"),)
    return (ok(name, f"{len(pool)} replicas in its pool, all up"),)


@step("plan the load balancer pool")
def plan_pool(cluster: ClusterConnection) -> Step:
    """Return what `ensure_pool` would do."""
    name, pool = cluster.settings.load_balancer.haproxy.name, _members(cluster)
    if not pool:
        return Step(Action.CONFIGURE, name, "pool of the first replica", NO_REPLICA)
    what = f"pool of {', '.join(backend.name for backend in pool)}"
    if cluster.load_balancer.read() == _render(cluster, pool):
        return Step(Action.KEEP, name, what, "its configuration is as wanted")
    return Step(Action.CONFIGURE, name, what, "its configuration differs")


@step("load balancer pool")
def ensure_pool(cluster: ClusterConnection, without: str = "") -> Step:
    """Leave the load balancer passing TCP to every replica that is there, each up; to none on `without`."""
    name = cluster.settings.load_balancer.haproxy.name
    pool = tuple(backend for backend in _members(cluster) if backend.name != without)
    wanted = _render(cluster, pool)
    what = f"pool of {', '.join(backend.name for backend in pool)}"
    if cluster.load_balancer.read() == wanted:
        decision = Step(Action.KEEP, name, what, "its configuration is as wanted")
    else:
        decision = Step(Action.CONFIGURE, name, what, "its configuration differs")
    get_run_logger().info("%s", decision)
    if decision.action is Action.CONFIGURE:
        cluster.load_balancer.apply(wanted)
    names = [backend.name for backend in pool]
    wait_until(
        lambda: why_not_up(cluster.load_balancer.pool_state(), names), where=name, timeout=UP_WITHIN, poll=0.5
    )
    return decision


def _members(cluster: ClusterConnection) -> tuple[Backend, ...]:
    """Return the replicas that have containers, as the load balancer reaches them."""
    addresses = {node.name: node.address for node in cluster.registry_nodes}
    port = cluster.settings.registry.https_port
    return tuple(
        Backend(r.node, addresses[r.node], https_port=port)
        for r in cluster.observe().replicas
        if r.services and r.node in addresses
    )


def _render(cluster: ClusterConnection, pool: tuple[Backend, ...]) -> str:
    balancer = cluster.settings.load_balancer.haproxy
    host, port = cluster.settings.registry.server
    front = Front(host, port, balancer.stats_port, balancer.stats_address)
    return render(pool, probe_path=probe_path(cluster.version), front=front)
