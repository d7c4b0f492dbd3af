"""How a cluster gets its first replica and grows."""

from collections.abc import Sequence

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen, why_not_healthy_cluster
from runbook.domain.plans import Action, Step
from runbook.domain.topology import NodeSpec, why_not_count


def choose_first_replica(seen: ClusterSeen, nodes: Sequence[NodeSpec], version: str) -> Step:
    """Return the step that gives the cluster its first replica.

    Keeps what is healthy. Refuses where something is left that an install would reuse or hide:
    the bootstrapper takes existing volumes as they are.
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
    target = next((node for node in nodes if node.name not in seen.unreachable), None)
    if target is None:
        raise RefusedError("install", "no registry node answers", "start one, then run again")
    return Step(Action.INSTALL, target.name, f"the first replica of {version}", "there is no replica yet")


def plan_joins(seen: ClusterSeen, nodes: Sequence[NodeSpec], wanted: int) -> tuple[Step, ...]:
    """Return one step per replica of a cluster of `wanted`: those to keep, then those to join, in order.

    Refuses even counts, an unhealthy cluster (dead replicas are removed before new ones join) and too few
    nodes. Never removes: a cluster that is larger than wanted is kept.
    """
    if reason := why_not_count(wanted):
        raise RefusedError("scale-out", reason, "set `replicas` to 3, 5 or 7")
    if reason := why_not_healthy_cluster(seen):
        raise RefusedError(
            "scale-out",
            f"the cluster is not healthy: {reason}",
            "remove the dead replica first (a join beside it can split the cluster), then run again",
        )
    keep = tuple(
        Step(Action.KEEP, r.node, f"replica {r.replica_id}", "it is a healthy member") for r in seen.replicas
    )
    missing = max(wanted - len(seen.members), 0)
    free = [node for node in nodes if not seen.on_node(node.name) and node.name not in seen.unreachable]
    if len(free) < missing:
        raise RefusedError(
            "scale-out",
            f"{missing} more replicas are wanted and {len(free)} registry nodes are free",
            "add dedicated registry nodes to the cluster file",
        )
    reason = f"{len(seen.members)} of {wanted} replicas are there"
    return keep + tuple(Step(Action.JOIN, node.name, "a new replica", reason) for node in free[:missing])


def choose_join(seen: ClusterSeen, node: str) -> Step:
    """Return the step that puts a replica on `node`, decided on what is there just now."""
    replica = seen.on_node(node)
    if replica and replica.healthy:
        return Step(Action.KEEP, node, f"replica {replica.replica_id}", "it is a healthy member")
    if replica:
        raise RefusedError(
            node,
            f"replica {replica.replica_id} is left there: {replica.why_not_healthy}",
            f"destroy replica {replica.replica_id} with the vendor's `destroy`, then run again",
        )
    if reason := why_not_healthy_cluster(seen):
        raise RefusedError(
            node, f"no join while the cluster is not healthy: {reason}", "heal it, then run again"
        )
    return Step(Action.JOIN, node, "a new replica", f"all of {len(seen.members)} are healthy")
