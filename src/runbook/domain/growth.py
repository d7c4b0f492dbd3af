"""How a cluster gets its first replica and grows."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from runbook.domain.changes import Changes, Joining, kept
from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen, does_not_answer, why_not_healthy_cluster
from runbook.domain.leftovers import left_on, why_not_destroy
from runbook.domain.plans import Action, Step
from runbook.domain.topology import NodeSpec, why_not_count


def choose_first_replica(seen: ClusterSeen, nodes: Sequence[NodeSpec], version: str) -> Step:
    """Return the step that gives the cluster its first replica.

    Keeps what is healthy. Refuses where something is left that an install would reuse or hide (the bootstrapper
    takes existing volumes as they are), and where a silent node may hold the registry.
    """
    if seen.healthy:
        first = seen.healthy[0]
        return Step(Action.KEEP, first.node, f"replica {first.replica_id}", "it is installed and healthy")
    if seen.replicas:
        left = seen.replicas[0]
        raise RefusedError(
            left.node,
            f"replica {left.replica_id} is there and not healthy: {left.why_not_healthy}",
            "look at it with `runbook check`; `runbook restore` if the registry is lost",
        )
    if silent := [node.name for node in nodes if node.name in seen.unreachable]:
        what = f"{does_not_answer(silent)}, and the registry may be there"
        next_step = "start these nodes, or take what is gone for good out of the cluster file, then run again"
        raise RefusedError("install", what, next_step)
    return Step(Action.INSTALL, nodes[0].name, f"the first replica of {version}", "there is no replica yet")


def plan_joins(seen: ClusterSeen, nodes: Sequence[NodeSpec], wanted: int, images_on: str = "") -> Changes:
    """Return what brings the cluster to `wanted`: those to keep, then those to join, in order.

    Refuses even counts, an unhealthy cluster (dead replicas are removed before new ones join), too few nodes,
    and a cluster that is larger: nothing is removed without being asked for.
    """
    if reason := why_not_count(wanted):
        raise RefusedError("scale-out", reason, "set `replicas` to 3, 5 or 7")
    if reason := why_not_healthy_cluster(seen):
        raise RefusedError("scale-out", f"the cluster is not healthy: {reason}", _remedy(seen))
    if len(seen.members) > wanted:
        what = f"{len(seen.members)} replicas are there and {wanted} are wanted; scale-out never removes one"
        raise RefusedError("scale-out", what, f"run `runbook remove --replicas {wanted}`")
    missing = wanted - len(seen.members)
    free = free_nodes(seen, nodes, images_on=images_on)
    if len(free) < missing:
        raise RefusedError(
            "scale-out",
            f"{missing} more replicas are wanted and {len(free)} registry nodes are free",
            "add dedicated registry nodes to the cluster file",
        )
    why = [f"{len(seen.members) + n} of {wanted} replicas are there" for n in range(missing)]
    return Changes(kept(seen), joins=joinings(seen, free[:missing], why, images_on))


def free_nodes(
    seen: ClusterSeen, nodes: Sequence[NodeSpec], unfit: Collection[str] = (), images_on: str = ""
) -> list[str]:
    """Return the nodes that can take a replica, in order: they answer, are fit, and have no living member.

    What is left there of a dead or half-made one must be such that it may be destroyed.
    """

    def takes_one(name: str) -> bool:
        member = seen.member_on(name)
        there = [r for r in seen.replicas if r.node == name and r.replica_id not in seen.dead]
        return (member is None or member in seen.dead) and not any(
            why_not_destroy(seen, r, images_on) for r in there
        )

    away = {*seen.unreachable, *unfit}
    return [node.name for node in nodes if node.name not in away and takes_one(node.name)]


def joinings(
    seen: ClusterSeen, nodes: Sequence[str], why: Sequence[str], images_on: str = ""
) -> tuple[Joining, ...]:
    """Return one join per node, each with what is left there of no member."""
    others = replace(seen, replicas=tuple(r for r in seen.replicas if r.replica_id not in seen.dead))
    return tuple(
        Joining(node, reason, left_on(others, node, images_on))
        for node, reason in zip(nodes, why, strict=False)
    )


def choose_join(seen: ClusterSeen, node: str, images_on: str = "") -> Changes:
    """Return what puts a replica on `node`, decided on what is there just now: a replica to keep, or one join."""
    member = seen.member_on(node)
    if member and member not in seen.dead:
        return Changes((Step(Action.KEEP, node, f"replica {member}", "it is a healthy member"),))
    if reason := why_not_healthy_cluster(seen):
        raise RefusedError(node, f"no join while the cluster is not healthy: {reason}", _remedy(seen))
    return Changes(joins=joinings(seen, [node], [f"all of {len(seen.members)} are healthy"], images_on))


def _remedy(seen: ClusterSeen) -> str:
    if not seen.members:
        return "run `runbook install` first"
    if not seen.changeable:
        return "run `runbook restore --plan`; it names the remedy"
    return "run `runbook repair`: it removes the dead replica first (a join beside it can split the cluster)"
