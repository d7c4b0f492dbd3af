"""What a join or a bootstrapper run that failed has left on nodes, and whether it may be destroyed."""

from dataclasses import dataclass

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen, Replica
from runbook.domain.plans import Action, Step

_ENDED = ("exited", "dead")


@dataclass(frozen=True)
class Leftover:
    """A half-made replica, or without an id the ended container of a bootstrapper's second phase."""

    node: str
    replica_id: str = ""

    @property
    def step(self) -> Step:
        """What is done with it, and why that takes nothing away."""
        if self.replica_id:
            why = "the registry does not count it as a member, and a healthy majority has the data"
            return Step(Action.DESTROY, self.node, f"what is left of replica {self.replica_id}", why)
        return Step(Action.DESTROY, self.node, "container dtr-phase2", "it has ended, and bars the next one")


def ended_phases(seen: ClusterSeen) -> tuple[Leftover, ...]:
    """Return the second phases that have ended and whose containers were left; each bars every further run."""
    return tuple(Leftover(node) for node, state in seen.bootstrappers.items() if state in _ENDED)


def why_busy(seen: ClusterSeen) -> str | None:
    """Say which bootstrapper run is still at work, maybe that of a runbook that was killed; None if none is."""
    busy = sorted(node for node, state in seen.bootstrappers.items() if state not in _ENDED)
    return f"a bootstrapper is at work, container dtr-phase2 on {', '.join(busy)}" if busy else None


def why_starting(seen: ClusterSeen) -> str | None:
    """Say which member is not healthy although all of its services run: it may be starting; None if none is."""
    names = [
        f"{r.replica_id} on {r.node}: {r.why_not_healthy}"
        for r in seen.replicas
        if not r.healthy and r.runs and r.replica_id in seen.members
    ]
    return "; ".join(names) or None


def why_not_destroy(seen: ClusterSeen, replica: Replica, images_on: str = "") -> str | None:
    """Say why what is left of a replica must not be destroyed, None if it may.

    `images_on` is the node in whose volume the registry's images are, if they are in one.
    """
    if not seen.configured:
        return "the registry does not say which replicas are its members"
    if replica.replica_id in seen.configured:
        return "it is a member; only `remove` takes one out"
    if reason := _why_it_may_serve(replica):
        return reason
    if not seen.has_quorum:
        return f"no majority is healthy ({seen.summary()}), so its data may be needed"
    if replica.node == images_on:
        return "the registry's images are in a volume there"
    return None


def _why_it_may_serve(replica: Replica) -> str | None:
    if replica.outside:
        return "its node is no registry node of the cluster file, so it may be another registry's"
    return "its own probe answers, so it serves somebody" if replica.healthy else None


def half_made(seen: ClusterSeen, images_on: str = "") -> tuple[Leftover, ...]:
    """Return what is left of replicas that are no members, wherever it may be destroyed."""
    return tuple(
        Leftover(r.node, r.replica_id) for r in seen.replicas if why_not_destroy(seen, r, images_on) is None
    )


def left_alone(seen: ClusterSeen, images_on: str = "") -> tuple[str, ...]:
    """Say of each replica that is no member, and is not destroyed, why it stays."""
    others = [r for r in seen.replicas if seen.configured and r.replica_id not in seen.configured]
    reasons = [(r, why_not_destroy(seen, r, images_on)) for r in others]
    return tuple(
        f"{r.node}: replica {r.replica_id} is no member and stays: {why}" for r, why in reasons if why
    )


def still_there(seen: ClusterSeen, left: Leftover, images_on: str = "") -> tuple[Leftover, ...]:
    """Return it if it is there just now, nothing if it has gone; RefusedError where it must not be destroyed now."""
    if not left.replica_id:
        if busy := why_busy(seen):
            raise RefusedError(left.node, busy, "wait until it has ended, then run again")
        return tuple(phase for phase in ended_phases(seen) if phase == left)
    found = [r for r in seen.replicas if (r.node, r.replica_id) == (left.node, left.replica_id)]
    for replica in found:
        if reason := why_not_destroy(seen, replica, images_on):
            what = f"replica {replica.replica_id} was a leftover and is none now: {reason}"
            raise RefusedError(left.node, what, "look at it with `runbook check`, then run again")
    return tuple(Leftover(r.node, r.replica_id) for r in found)


def left_on(seen: ClusterSeen, node: str, images_on: str = "") -> tuple[Leftover, ...]:
    """Return what is to be destroyed before a replica comes to `node`; RefusedError where that must not be."""
    there = [r for r in seen.replicas if r.node == node]
    for replica in there:
        if reason := why_not_destroy(seen, replica, images_on):
            raise RefusedError(
                node,
                f"replica {replica.replica_id} is left there ({replica.why_not_healthy or 'healthy'}), and {reason}",
                "look at it with `runbook check`; `runbook repair` if a member is dead",
            )
    return tuple(Leftover(node, replica.replica_id) for replica in there)
