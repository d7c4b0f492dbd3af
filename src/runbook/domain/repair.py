"""How single replicas come back: a dead one is removed and then joined anew, and a node's one moves to another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runbook.domain.changes import Changes, Joining, Removal, kept, require_majority
from runbook.domain.errors import RefusedError
from runbook.domain.growth import free_nodes, joinings
from runbook.domain.health import ClusterSeen
from runbook.domain.topology import SUPPORTED_COUNTS, NodeSpec, why_not_count


@dataclass(frozen=True)
class Move:
    """From which node to which a replica moves."""

    old: str
    new: str


def plan_repair(
    seen: ClusterSeen,
    nodes: Sequence[NodeSpec],
    wanted: int,
    unfit: Collection[str] = (),
    images_on: str = "",
) -> Changes:
    """Return what leaves every member healthy: the dead go, then as many join, on the same nodes if fit.

    Never fewer than `wanted` in the end if there are nodes for them, so that a repair which was cut short
    after its removals is finished by the next.
    """
    require_majority(seen, "repair")
    dead = tuple(Removal(m, seen.node_of(m), f"it is dead: {seen.why_dead(m)}") for m in seen.dead)
    for removal in dead:
        _refuse_node_of_images(removal.node, images_on)
    homes = [removal.node for removal in dead]
    free = free_nodes(seen, nodes, unfit, images_on)
    free.sort(key=lambda name: homes.index(name) if name in homes else len(homes))
    healthy = len(seen.members) - len(dead)
    target = _target(len(seen.members), healthy, wanted, most=healthy + len(free))
    why = [f"instead of {removal.replica_id}" for removal in dead]
    why += [f"{healthy} of {target} replicas are there"] * target
    return Changes(kept(seen), dead=dead, joins=joinings(seen, free[: target - healthy], why, images_on))


def _target(there: int, healthy: int, wanted: int, most: int) -> int:
    """Return how many replicas a repair ends with: an odd number, as many as there were or as are wanted.

    An even number there is that of a change that was cut short: it ends nearer to what is wanted.
    """
    least = there if there % 2 else there + (1 if wanted > there else -1)
    if least < healthy:
        what = (
            f"{healthy} healthy replicas are there and {wanted} are wanted; a repair removes no healthy one"
        )
        raise RefusedError("repair", what, f"run `runbook remove --replicas {least}`")
    possible = [count for count in SUPPORTED_COUNTS if least <= count <= min(most, max(wanted, least))]
    if not possible:
        what = f"{least} replicas are to be healthy and there are fit nodes for {most}"
        raise RefusedError("repair", what, "start the node of the dead replica, or add a registry node")
    return possible[-1]


def plan_replace(
    seen: ClusterSeen,
    nodes: Sequence[NodeSpec],
    move: Move,
    unfit: Collection[str] = (),
    images_on: str = "",
) -> Changes:
    """Return what moves the replica of one node to another.

    A dead one is removed before the new one joins, as the vendor demands. A healthy one serves until the new
    one does: with it the cluster outlives as many failures as before, without it one fewer, for the whole join.
    """
    require_majority(seen, "replace")
    _refuse_node_of_images(move.old, images_on)
    _refuse_other_dead(seen, move)
    if refused := _why_not_odd(seen, move):
        raise refused
    there, come = seen.member_on(move.old), seen.member_on(move.new)
    dead = tuple(Removal(m, seen.node_of(m), f"it is dead: {seen.why_dead(m)}") for m in seen.dead)
    joins: tuple[Joining, ...] = ()
    if come is None or come in seen.dead:
        _require_free(seen, nodes, move.new, unfit, images_on)
        joins = joinings(seen, [move.new], [f"instead of the one on {move.old}"], images_on)
    leaving = there is not None and there not in seen.dead
    retired = (Removal(str(there), move.old, f"{move.new} has its replica then"),) if leaving else ()
    return Changes(kept(seen, (str(there),)), dead=dead, joins=joins, retired=retired)


def _why_not_odd(seen: ClusterSeen, move: Move) -> RefusedError | None:
    """Say why the move would not end with an odd number, None if it does.

    It does with an odd number now, or where a run was cut short: both nodes have one, or neither has.
    """
    there, come = seen.member_on(move.old), seen.member_on(move.new)
    count = len(seen.members)
    if there is None and come is None and count % 2:
        return RefusedError(
            move.old, "no replica is there", f"name the node whose replica shall move to {move.new}"
        )
    after = count - (there is not None) + (come is None)
    reason = why_not_count(after)
    if reason is None:
        return None
    what = f"{after} replicas would be there in the end: {reason}"
    return RefusedError("replace", what, "run `runbook scale-out` or `runbook remove` first")


def _refuse_other_dead(seen: ClusterSeen, move: Move) -> None:
    others = [member for member in seen.dead if seen.node_of(member) not in (move.old, move.new)]
    if others:
        what = f"{', '.join(others)} is dead: {seen.why_dead(others[0])}"
        raise RefusedError("replace", what, "run `runbook repair` first; no replica joins beside a dead one")


def _require_free(
    seen: ClusterSeen, nodes: Sequence[NodeSpec], new: str, unfit: Collection[str], images_on: str
) -> None:
    if new in free_nodes(seen, nodes, unfit, images_on):
        return
    why = "it is no registry node of the cluster file"
    if new in {node.name for node in nodes}:
        why = "it does not answer" if new in seen.unreachable else "it is not fit for a replica"
    raise RefusedError(new, f"no replica can join there: {why}", "see `runbook check`, or name another node")


def _refuse_node_of_images(node: str, images_on: str) -> None:
    if images_on and node == images_on:
        raise RefusedError(
            node,
            "the registry's images are in a volume there, which goes with its replica",
            "move them to storage that all replicas share first; `runbook restore --plan` if they are lost",
        )
