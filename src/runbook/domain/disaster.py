"""Which remedy fits what is left of a registry. Restore is the last resort."""

from dataclasses import dataclass
from enum import StrEnum

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen


class Branch(StrEnum):
    """The remedies, lightest first."""

    NOTHING = "nothing"
    REPLACE = "replace"
    EMERGENCY_REPAIR = "emergency-repair"
    RESTORE = "restore"


@dataclass(frozen=True)
class Decision:
    """The remedy, with the facts that it rests on."""

    branch: Branch
    facts: tuple[str, ...]
    because: str


@dataclass(frozen=True)
class Unfinished:
    """A restore that began to clear the old state away and was not proven."""

    point: str
    replica_id: str  # of the point: the first replica that the restore makes has it too

    def is_what_is_left(self, seen: ClusterSeen) -> bool:
        """Tell whether what is seen is half of the old state or of the new one, and no registry of its own.

        Not with a healthy majority: then the old state still stands, or somebody repaired it since. But one
        lone replica with the point's id is the restore's own first one, which nothing has proven yet.
        """
        return not seen.has_quorum or seen.members == (self.replica_id,)


def decide(seen: ClusterSeen, *, answers: bool = False, unfinished: Unfinished | None = None) -> Decision:
    """Return the lightest remedy that can help (contract section 7).

    A dead minority is removed and joined anew, a dead majority is repaired from one replica whose volumes can
    be read, and only a registry without any usable replica is restored. `answers` tells that the external URL
    is healthy, whatever can be seen of the nodes from here: then it is the way to them that is broken.
    A restore that is `unfinished` is finished, however readable the half of a state is that it left.
    """
    facts = (
        seen.summary(),
        f"members: {', '.join(seen.members) or 'none'}",
        f"dead: {', '.join(seen.dead) or 'none'}",
        f"readable volumes: {', '.join(readable_volumes(seen)) or 'none'}",
        f"unfinished restore: {unfinished.point if unfinished else 'none'}",
    )
    if answers and seen.unreachable and not seen.has_quorum:
        silent = ", ".join(seen.unreachable)
        return Decision(
            Branch.NOTHING, facts, f"the registry serves, and {silent} cannot be reached from here"
        )
    if unfinished and unfinished.is_what_is_left(seen):
        because = f"the restore of recovery point {unfinished.point} did not finish"
        return Decision(Branch.RESTORE, facts, because)
    if seen.members and not seen.dead:
        return Decision(Branch.NOTHING, facts, "every replica is healthy")
    if seen.has_quorum:
        return Decision(Branch.REPLACE, facts, f"a majority of {len(seen.members)} replicas is healthy")
    if readable_volumes(seen):
        return Decision(Branch.EMERGENCY_REPAIR, facts, "the majority is dead, and a database can be read")
    return Decision(Branch.RESTORE, facts, "no replica is left that could be repaired")


def readable_volumes(seen: ClusterSeen) -> tuple[str, ...]:
    """Return the ids of the replicas whose database volume is on a node that answers."""
    return tuple(
        r.replica_id
        for r in seen.replicas
        if f"dtr-rethink-{r.replica_id}" in r.volumes and r.node not in seen.unreachable
    )


def refuse_heavier_than_needed(decision: Decision, force_reason: str | None = None) -> None:
    """Raise RefusedError, naming the lighter remedy, unless restore is the one that fits or a person forces it."""
    remedies = {
        Branch.NOTHING: "nothing is to be restored; see `runbook check`, then `runbook scale-out` and "
        "`runbook backup` if a restore was cut short",
        Branch.REPLACE: "run `runbook repair`: it removes the dead replica, then joins one anew",
        Branch.EMERGENCY_REPAIR: "run the vendor's `emergency-repair`, then `runbook scale-out`",
    }
    if decision.branch is Branch.RESTORE or force_reason:
        return
    raise RefusedError(
        "restore", f"it is not needed: {decision.because} ({decision.facts[0]})", remedies[decision.branch]
    )
