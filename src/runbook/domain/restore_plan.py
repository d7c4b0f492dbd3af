"""The plan of a restore, and what it will lose: what a person approves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen, Replica
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.recovery import Manifest
from runbook.domain.topology import NodeSpec

NAMED = 10
"""At most so many images of those that will be lost are named; the others are as lost."""


@dataclass(frozen=True)
class Loss:
    """What a restore from a point loses: everything pushed or changed after `since`."""

    since: datetime
    newer_blobs: int  # blobs in storage that the point does not name: traces of later pushes
    missing_blobs: int  # blobs of the point that storage lacks: they come back from the vault
    later: tuple[str, ...] = ()  # `ns/repo:tag`, or `ns/repo` where the storage shows no tag, of later pushes

    def seconds(self, now: datetime) -> float:
        """The recovery point's age: the actual RPO."""
        return (now - self.since).total_seconds()

    def sentence(self, now: datetime) -> str:
        """Return the loss as a person reads it."""
        later = f"; storage holds {self.newer_blobs} blobs of later pushes" if self.newer_blobs else ""
        named = ", ".join(self.later[:NAMED]) + (" and more" if len(self.later) > NAMED else "")
        return (
            f"everything pushed or changed after {self.since:%Y-%m-%d %H:%M:%S} UTC is lost: "
            f"{self.seconds(now) / 60:.1f} minutes{later}{f'; storage shows pushes to {named}' if named else ''}"
        )


def choose_node(seen: ClusterSeen, nodes: Sequence[NodeSpec], preferred: str | None) -> str:
    """Return the node for the first restored replica: the one that was backed up, else the first that answers."""
    names = [node.name for node in nodes if node.name not in seen.unreachable]
    if not names:
        raise RefusedError("restore", "no registry node answers", "start one, or add one to the cluster file")
    return preferred if preferred in names else names[0]


def choose_restore(seen: ClusterSeen, point: Manifest, node: str) -> Step:
    """Return the step that brings the metadata back; a replica that was just restored is kept."""
    if any(replica.replica_id == point.replica_id for replica in seen.healthy):
        return Step(Action.KEEP, node, f"replica {point.replica_id}", "it is restored and healthy")
    left = next((replica for replica in seen.replicas if not _holds_images_alone(replica, point)), None)
    if left:
        raise RefusedError(
            left.node,
            f"replica {left.replica_id} is still there: {left.why_not_healthy}",
            "start the restore again, it clears what is left",
        )
    return Step(
        Action.RESTORE_METADATA, node, f"replica {point.replica_id}", f"from recovery point {point.id}"
    )


def _holds_images_alone(replica: Replica, point: Manifest) -> bool:
    """Tell whether this is the point's replica of which no more is there than the volume with its images."""
    images = f"dtr-registry-{point.replica_id}"
    return replica.replica_id == point.replica_id and not replica.services and replica.volumes == (images,)


@dataclass(frozen=True)
class Verified:
    """A recovery point as it was verified; `listing` differs when one of its blobs was written since."""

    point: Manifest
    listing: str


def plan_restore(
    seen: ClusterSeen,
    nodes: Sequence[NodeSpec],
    verified: Verified,
    loss: Loss,
    *,
    wanted: int,
    first_node: str,
) -> Plan:
    """Return every step of the restore, in order: own images, set aside, destroy, images, metadata, joins, new backup.

    What was verified is part of the plan, so an approval of it counts for these very bytes.
    """
    point = verified.point
    others = _nodes_to_join(seen, nodes, wanted, first_node)
    steps = (
        _verified(verified),
        *(_leave(node) for node in seen.unreachable),
        *(_equip(node, point.registry_version) for node in (first_node, *others)),
        *(step for replica in seen.replicas for step in _clear(replica.node, replica.replica_id)),
        *_first_replica(point, loss, first_node),
        *(Step(Action.JOIN, node, "a new replica", f"{wanted} are wanted") for node in others),
        Step(Action.CONFIGURE, "load balancer", "pool of all replicas", "clients come back"),
        Step(Action.BACK_UP, "vault", "a new recovery point", "the old one is of another cluster state"),
    )
    return Plan("restore", point.cluster, steps)


def nodes_of_replicas(plan: Plan) -> tuple[str, ...]:
    """Return the nodes on which the plan puts replicas, the first one's first."""
    return tuple(s.where for s in plan.steps if s.action in (Action.RESTORE_METADATA, Action.JOIN))


def _nodes_to_join(seen: ClusterSeen, nodes: Sequence[NodeSpec], wanted: int, first_node: str) -> list[str]:
    """Return where the other replicas go; RefusedError when too few nodes answer."""
    free = [n.name for n in nodes if n.name != first_node and n.name not in seen.unreachable][: wanted - 1]
    if len(free) < wanted - 1:
        raise RefusedError(
            "restore",
            f"{wanted} replicas are wanted and {len(free) + 1} registry nodes answer",
            "add a registry node to the cluster file, or lower `replicas`",
        )
    return free


def _verified(verified: Verified) -> Step:
    why = f"before anything is touched; its blobs are listed as {verified.listing}"
    return Step(Action.VERIFY, "vault", f"recovery point {verified.point.id}", why)


def _equip(node: str, version: str) -> Step:
    """The same whether they are there or not: an approval holds though somebody brings them meanwhile."""
    return Step(
        Action.LOAD_IMAGES, node, f"the registry's own of {version}", "what it lacks, before anything goes"
    )


def _first_replica(point: Manifest, loss: Loss, node: str) -> tuple[Step, ...]:
    """Images before metadata, and proof by pulls before there are more replicas."""
    blobs, why = f"{loss.missing_blobs} blobs from the vault", f"from recovery point {point.id}"
    return (
        Step(Action.RESTORE_IMAGES, "storage", blobs, "storage lacks them"),
        Step(Action.RESTORE_METADATA, node, f"replica {point.replica_id}", why),
        Step(Action.VERIFY, node, "canary and sampled images pulled by digest", "before others join"),
    )


def _leave(node: str) -> Step:
    return Step(
        Action.KEEP,
        node,
        "whatever replica is on it: it is NOT destroyed",
        "it does not answer; do not start it again before its replica is destroyed",
    )


def _clear(node: str, replica_id: str) -> tuple[Step, Step]:
    reason = "a restore needs a place without an old replica"
    return (
        Step(
            Action.SET_ASIDE, node, f"data of replica {replica_id}", "nothing is deleted that might be needed"
        ),
        Step(Action.DESTROY, node, f"replica {replica_id}", reason),
    )
