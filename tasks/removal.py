"""Replicas that go: choose which, take each out of the cluster, and see that the others stand."""

from collections.abc import Collection, Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.changes import Changes, Removal, require_version, way_through
from runbook.domain.commands import RemoveSpec
from runbook.domain.health import ClusterSeen
from runbook.domain.leftovers import Leftover, ended_phases, half_made, left_alone, why_not_destroy
from runbook.domain.plans import Action, Step
from runbook.domain.repair import Move, plan_repair, plan_replace
from runbook.domain.shrink import choose_removal, plan_named, plan_shrink
from runbook.domain.topology import NodeSpec
from runbook.remote.clearing import clear
from runbook.remote.turns import in_turn, settle
from runbook.remote.waiting import wait_until
from tasks.policy import step

GONE_WITHIN = 120.0
"""Seconds after which a removed replica must not be counted any more."""


@step("choose what goes")
def choose_shrink(cluster: ClusterConnection, wanted: int | None, named: Sequence[str]) -> Changes:
    """Return which replicas go so that `wanted` stay, or the named ones (ids or nodes); RefusedError says why not."""
    seen, nodes, images_on = _look(cluster)
    if wanted is None:
        return _said(seen, plan_named(seen, nodes, named, images_on), images_on)
    return _said(seen, plan_shrink(seen, nodes, wanted, images_on), images_on)


@step("plan the repair")
def choose_repair(cluster: ClusterConnection, unfit: Collection[str]) -> Changes:
    """Return which dead replicas go and where others join instead; none on a node that is `unfit`."""
    seen, nodes, images_on = _look(cluster)
    return _said(seen, plan_repair(seen, nodes, cluster.settings.replicas, unfit, images_on), images_on)


@step("plan to replace {old} by {new}")
def choose_replace(cluster: ClusterConnection, old: str, new: str, unfit: Collection[str]) -> Changes:
    """Return what moves the replica of node `old` to `new`, which must not be `unfit`."""
    seen, nodes, images_on = _look(cluster)
    return _said(seen, plan_replace(seen, nodes, Move(old, new), unfit, images_on), images_on)


@step("replica {removal.replica_id} removed", retries=0)
def ensure_removed(cluster: ClusterConnection, removal: Removal) -> tuple[Step, ...]:
    """Leave the cluster without that replica, the others as healthy as they were, and nothing of it on its node."""
    done = in_turn(lambda: _remove(cluster, removal.replica_id), removal.node or cluster.name)
    return (*done, *_clear_remains(cluster, removal.replica_id))


def _look(cluster: ClusterConnection) -> tuple[ClusterSeen, Sequence[NodeSpec], str]:
    seen = cluster.ask_registry(settle(cluster.observe, cluster.name))
    require_version(seen, str(cluster.version))
    return seen, cluster.registry_nodes, cluster.node_of_images


def _said(seen: ClusterSeen, changes: Changes, images_on: str) -> Changes:
    """Return the changes after what runs that died have left on nodes; say them, and what of it stays."""
    whole = changes.after_clearing((*ended_phases(seen), *half_made(seen, images_on)))
    for planned in whole.steps:
        get_run_logger().info("%s", planned)
    for stays in left_alone(seen, images_on):
        get_run_logger().warning("%s", stays)
    return whole


def _remove(cluster: ClusterConnection, replica_id: str) -> tuple[Step, ...]:
    seen = cluster.ask_registry(settle(cluster.observe, cluster.name, starting=False))
    require_version(seen, str(cluster.version))
    decision = choose_removal(seen, replica_id)
    get_run_logger().info("%s", decision)
    if decision.action is not Action.REMOVE:
        return (decision,)
    through = way_through(seen, without=replica_id)
    ended = ended_phases(seen)
    clear(ended, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
    cluster.bootstrapper.remove(RemoveSpec(through, (replica_id,)))
    healthy = {r.replica_id for r in seen.living} - {replica_id}
    wait_until(
        lambda: _why_not_gone(cluster.observe(), replica_id, healthy), where=cluster.name, timeout=GONE_WITHIN
    )
    return (*(left.step for left in ended), decision)


def _why_not_gone(seen: ClusterSeen, replica_id: str, healthy: set[str]) -> str | None:
    """Say why the removal is not complete: the member is still counted, or one that was healthy is not."""
    if not seen.configured:
        return "the registry does not say which replicas are its members"
    if replica_id in seen.members:
        return f"{replica_id} is still counted among {', '.join(seen.members)}"
    missing = sorted(healthy - {r.replica_id for r in seen.living})
    return f"{', '.join(missing)} is not healthy" if missing else None


def _clear_remains(cluster: ClusterConnection, replica_id: str) -> tuple[Step, ...]:
    """Leave nothing of a replica that is no member, where its node answers; its node can be used again."""
    seen = cluster.observe()
    remains = tuple(
        Leftover(r.node, replica_id)
        for r in seen.replicas
        if r.replica_id == replica_id and why_not_destroy(seen, r, cluster.node_of_images) is None
    )
    clear(remains, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
    return tuple(left.step for left in remains)
