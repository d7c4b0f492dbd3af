"""The replicas: observe, join further ones, wait until they are healthy."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.changes import Changes, Joining, require_version, way_through
from runbook.domain.cluster_findings import judge_cluster
from runbook.domain.commands import JoinSpec
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, not_judged
from runbook.domain.growth import choose_join, plan_joins
from runbook.domain.health import ClusterSeen, why_even, why_not_healthy_cluster
from runbook.domain.leftovers import ended_phases
from runbook.domain.plans import Action, Step
from runbook.remote.clearing import clear
from runbook.remote.turns import in_turn, settle
from runbook.remote.waiting import wait_until
from tasks.policy import step

HEALTHY_WITHIN = 180.0
"""Seconds after which a replica that has just joined must answer its probe."""


@step("check replicas")
def check_replicas(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return what the replicas are together; what keeps them from being observed is a finding, not a failure."""
    settings = cluster.settings
    try:
        seen = cluster.observe()
    except RunbookError as error:
        return not_judged("registry", error)
    get_run_logger().info("%s: %s", cluster.name, seen.summary())
    return judge_cluster(seen, settings.replicas, settings.registry.version)


@step("observe the replicas")
def observe_cluster(cluster: ClusterConnection) -> ClusterSeen:
    """Return containers, volumes, health and membership as they are now."""
    seen = cluster.observe()
    get_run_logger().info("%s: %s", cluster.name, seen.summary())
    return seen


@step("plan joins to {wanted}")
def choose_joins(cluster: ClusterConnection, wanted: int) -> Changes:
    """Return what to keep and where to join; RefusedError says why it may not grow."""
    seen = settle(cluster.observe, cluster.name)
    require_version(seen, str(cluster.version))
    planned_joins = plan_joins(seen, cluster.registry_nodes, wanted, cluster.node_of_images)
    changes = planned_joins.after_clearing(ended_phases(seen))
    for planned in changes.steps:
        get_run_logger().info("%s", planned)
    return changes


@step("replica on {node}", retries=0)
def ensure_replica_on(cluster: ClusterConnection, node: str) -> tuple[Step, ...]:
    """Leave `node` with a healthy replica that the others count; keep one that is there.

    What a failed join left there is destroyed before; while the vendor's lock of one is held, it is awaited.
    """
    return in_turn(lambda: _join(cluster, node), node)


@step("{wanted} replicas healthy and counted")
def verify_replicas(cluster: ClusterConnection, wanted: int) -> ClusterSeen:
    """Return the cluster once at least `wanted` replicas are members and every member is healthy."""
    counted: list[ClusterSeen] = []

    def why_not() -> str | None:
        counted.append(cluster.observe())
        return _why_not_counted(counted[-1], wanted)

    wait_until(why_not, where=cluster.name, timeout=HEALTHY_WITHIN)
    if even := why_even(len(counted[-1].members)):
        get_run_logger().warning("%s: %s", cluster.name, even)
    return counted[-1]


def _join(cluster: ClusterConnection, node: str) -> tuple[Step, ...]:
    seen = settle(cluster.observe, node)
    require_version(seen, str(cluster.version))
    decision = choose_join(seen, node, cluster.node_of_images)
    for planned in (*decision.keep, *(joining.step for joining in decision.joins)):
        get_run_logger().info("%s", planned)
    return (
        *decision.keep,
        *(step for joining in decision.joins for step in _carry_out(cluster, seen, joining)),
    )


def _carry_out(cluster: ClusterConnection, seen: ClusterSeen, joining: Joining) -> tuple[Step, ...]:
    node, left = joining.node, (*ended_phases(seen), *joining.left)
    existing = way_through(seen)
    clear(left, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
    joined = cluster.bootstrapper.join(JoinSpec(node, existing, ports=cluster.ports))
    for warning in joined.warnings:
        get_run_logger().warning("%s: %s", node, warning)
    number = joined.replica_count or len(seen.members) + 1
    get_run_logger().info("%s: replica %s is number %s", node, joined.replica_id, number)
    _wait_until_healthy(cluster, (joined.replica_id, *seen.members))
    return (
        *(gone.step for gone in left),
        Step(Action.JOIN, node, f"replica {joined.replica_id}", f"number {number}; {joining.why}"),
    )


def _why_not_counted(seen: ClusterSeen, wanted: int) -> str | None:
    if len(seen.members) < wanted:
        return f"{len(seen.members)} of {wanted} replicas are members"
    return why_not_healthy_cluster(seen)


def _wait_until_healthy(cluster: ClusterConnection, expected: tuple[str, ...]) -> None:
    wait_until(
        lambda: why_not_healthy_cluster(cluster.observe(), expected),
        where=cluster.name,
        timeout=HEALTHY_WITHIN,
    )
