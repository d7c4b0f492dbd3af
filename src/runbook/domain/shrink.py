"""How a cluster gets smaller: which replica goes next, and why it may."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from runbook.domain.changes import Changes, Removal, kept, require_majority
from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen
from runbook.domain.plans import Action, Step
from runbook.domain.topology import NodeSpec, quorum, why_not_count

_FLOW = "remove"


def why_not_remove(seen: ClusterSeen, member: str) -> str | None:
    """Say why this member must not leave the cluster as it is now, None if it may.

    A dead one may go while a majority is healthy, a healthy one only while all the others are. It never
    leaves fewer than n/2+1 healthy of those that stay, nor none at all.
    """
    others = [other for other in seen.members if other != member]
    if not others:
        return "it is the last replica; without it there is no registry"
    if not seen.changeable:
        return f"no majority is healthy: {seen.summary()}"
    dead = [other for other in others if other in seen.dead]
    if dead and member not in seen.dead:
        return f"it is healthy and {', '.join(dead)} is dead: the dead go first"
    if len(others) - len(dead) < quorum(len(others)):
        return f"{len(others) - len(dead)} healthy of {len(others)} would remain, fewer than a majority"
    return None


def choose_removal(seen: ClusterSeen, member: str) -> Step:
    """Return the step that takes `member` out of the cluster, decided on what is there just now."""
    where = seen.node_of(member) or "no node"
    if seen.configured and member not in seen.members:
        return Step(Action.KEEP, where, f"{len(seen.members)} replicas", f"{member} is no member any more")
    require_majority(seen, _FLOW)
    if reason := why_not_remove(seen, member):
        raise RefusedError(where, f"replica {member} stays: {reason}", "run `runbook repair` if one is dead")
    left = len(seen.members) - 1
    even = ", an even number until the next step" if left % 2 == 0 else ""
    return Step(Action.REMOVE, where, f"replica {member}", f"{left} remain{even}")


def plan_shrink(seen: ClusterSeen, nodes: Sequence[NodeSpec], wanted: int, images_on: str = "") -> Changes:
    """Return what takes the cluster down to `wanted`: the dead first, then those on the last nodes of the file."""
    if reason := why_not_count(wanted):
        raise RefusedError(_FLOW, reason, "choose 1, 3 or 5")
    require_majority(seen, _FLOW)
    surplus = len(seen.members) - wanted
    if surplus < 0:
        what = f"{wanted} are wanted and {len(seen.members)} replicas are there"
        raise RefusedError(_FLOW, what, f"run `runbook scale-out --replicas {wanted}` to join more")
    candidates = [m for m in _last_first(seen, nodes) if seen.node_of(m) != images_on or not images_on]
    if len(candidates) < surplus:
        what = f"the images are in a volume on {images_on}: its replica stays"
        raise RefusedError(_FLOW, what, "keep one replica more")
    return _in_turn(seen, candidates[:surplus], f"{wanted} of {len(seen.members)} replicas are wanted")


def plan_named(
    seen: ClusterSeen, nodes: Sequence[NodeSpec], named: Iterable[str], images_on: str = ""
) -> Changes:
    """Return what takes the replicas with these ids, or on these nodes, out; an odd number must remain."""
    require_majority(seen, _FLOW)
    known = {node.name for node in nodes} | set(seen.places.values()) | {r.node for r in seen.replicas}
    found = [_member(seen, name, known) for name in named]
    going = [m for m in _last_first(seen, nodes) if m in found]
    if images_on and (there := seen.member_on(images_on)) in going:
        what = f"replica {there} stays: the registry's images are in a volume there"
        raise RefusedError(images_on, what, "move the images to storage that all replicas share first")
    left = len(seen.members) - len(going)
    if going and (reason := why_not_count(left)):
        next_step = (
            "name one more or one less; `runbook repair` or `runbook replace` if another one shall come"
        )
        raise RefusedError(_FLOW, f"{left} replicas would remain: {reason}", next_step)
    return _in_turn(seen, going, "it was named")


def without(seen: ClusterSeen, member: str) -> ClusterSeen:
    """Return the cluster as it is once `member` has left it."""
    return replace(
        seen,
        replicas=tuple(r for r in seen.replicas if r.replica_id != member),
        configured=tuple(m for m in seen.configured if m != member),
        answering=tuple(m for m in seen.answering if m != member),
    )


def _in_turn(seen: ClusterSeen, going: Sequence[str], why: str) -> Changes:
    """Return the removals one after another, each allowed on what the one before it leaves."""
    now, dead, retired = seen, list[Removal](), list[Removal]()
    for member in going:
        if reason := why_not_remove(now, member):
            where = seen.node_of(member) or _FLOW
            raise RefusedError(where, f"replica {member} stays: {reason}", "run `runbook repair` first")
        if member in seen.dead:
            dead.append(Removal(member, seen.node_of(member), f"{why}; it is dead: {seen.why_dead(member)}"))
        else:
            retired.append(Removal(member, seen.node_of(member), why))
        now = without(now, member)
    for member in now.dead:
        what = f"replica {member} would stay, and it is dead: {now.why_dead(member)}"
        raise RefusedError(now.node_of(member) or _FLOW, what, "run `runbook repair` first")
    return Changes(keep=kept(seen, tuple(going)), dead=tuple(dead), retired=tuple(retired))


def _last_first(seen: ClusterSeen, nodes: Sequence[NodeSpec]) -> list[str]:
    """Return the members in the order in which they would go: dead, then silent, then by the file from its end."""
    order = {node.name: number for number, node in enumerate(nodes)}

    def rank(member: str) -> tuple[bool, bool, int]:
        place = order.get(seen.node_of(member), len(order))
        return member not in seen.dead, member not in seen.answering, -place

    return sorted(seen.members, key=rank)


def _member(seen: ClusterSeen, name: str, known: set[str]) -> str | None:
    """Return the member that has this id or is on this node, None if it has gone."""
    if name in seen.members:
        return name
    if name in known:
        return seen.member_on(name)
    if len(name) == _ID and set(name) <= _HEX:
        return None
    raise RefusedError(_FLOW, f"there is no node {name}", f"name one of {', '.join(sorted(known))}")


_ID, _HEX = 12, frozenset("0123456789abcdef")
