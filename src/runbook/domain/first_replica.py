"""The first replica, also after an install that was cut short: what may be destroyed so that it begins anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runbook.domain.errors import RefusedError
from runbook.domain.growth import choose_first_replica
from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.leftovers import Leftover, ended_phases
from runbook.domain.plans import Action, Step
from runbook.domain.topology import NodeSpec

_NEVER_RAN = "created"


@dataclass(frozen=True)
class Begun:
    """An install that is on record: the replica it makes, and whether the vault has any recovery point."""

    replica_id: str
    backed_up: bool


class CutShort(Leftover):
    """What an install that was cut short has left of its replica, which never served."""

    @property
    def step(self) -> Step:
        """What is done with it, and why that takes nothing away."""
        why = "an install that was cut short made it, and its services never all ran"
        return Step(Action.DESTROY, self.node, f"what is left of replica {self.replica_id}", why)


@dataclass(frozen=True)
class FirstReplica:
    """What is cleared away first, then the replica to keep or to install."""

    left: tuple[Leftover, ...]
    decision: Step

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything, for a plan."""
        return (*(found.step for found in self.left), self.decision)


def choose_first(
    seen: ClusterSeen, nodes: Sequence[NodeSpec], version: str, begun: Begun | None = None
) -> FirstReplica:
    """Return what gives the cluster its first replica; RefusedError where something is left that may be needed.

    Only what an install on record has left of its own replica is destroyed, and only if it never served.
    """
    half_made = _half_made(seen, begun)
    if half_made is None:
        return FirstReplica(ended_phases(seen), choose_first_replica(seen, nodes, version))
    decision = choose_first_replica(replace(seen, replicas=()), nodes, version)
    return FirstReplica((*ended_phases(seen), CutShort(half_made.node, half_made.replica_id)), decision)


def _half_made(seen: ClusterSeen, begun: Begun | None) -> Replica | None:
    """Return the replica of an install that was cut short, if it is all there is and never served."""
    if begun is None or seen.healthy or [r.replica_id for r in seen.replicas] != [begun.replica_id]:
        return None
    (only,) = seen.replicas
    if reason := _why_it_may_have_served(seen, only, begun):
        raise RefusedError(
            only.node,
            f"replica {only.replica_id} is there and not healthy: {only.why_not_healthy}; "
            f"an install that was cut short made it, and {reason}",
            f"read `docker logs dtr-api-{only.replica_id}` there; if no image was ever pushed to it, run "
            f"the bootstrapper's `destroy --replica-id {only.replica_id}` on a manager, then install again",
        )
    return only


def _why_it_may_have_served(seen: ClusterSeen, replica: Replica, begun: Begun) -> str | None:
    if seen.unreachable:
        return f"{', '.join(seen.unreachable)} did not answer: others may be there"
    if seen.configured:
        return "the registry counts members"
    if begun.backed_up:
        return "the vault has recovery points of this cluster"
    if all(replica.services.get(service, _NEVER_RAN) != _NEVER_RAN for service in SERVICES):
        return "all of its services have run: it may hold data"
    return None
