"""What the registry says of members that cannot be reached from here: they may be alive all the same."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen

RECENT = timedelta(minutes=5)
"""How far a member's report may lie behind the newest one: the vendor does not say how often a replica reports."""
_WELL = "OK"


def doubtful(seen: ClusterSeen, nodes: Collection[str]) -> tuple[str, ...]:
    """Return the dead members that may well live: their nodes cannot be looked at from here, or their services run.

    `nodes` are the registry nodes of the cluster file. What is gone from a node that answers is dead.
    """
    looked_at = set(nodes) - set(seen.unreachable)
    found = {r.replica_id: r for r in seen.replicas}
    return tuple(
        member
        for member in seen.dead
        if (found[member].runs if member in found else seen.node_of(member) not in looked_at)
    )


def recently_well(
    asked: Collection[str], health: Mapping[str, str], reported_at: Mapping[str, str]
) -> dict[str, str]:
    """Return those of `asked` that call themselves well in a report about as young as the newest, and when.

    The registry keeps a dead replica's last report: only beside those of the others its age means something.
    """
    times = {member: time for member, text in reported_at.items() if (time := _time(text))}
    newest = max(times.values(), default=None)
    return {
        member: reported_at[member]
        for member in asked
        if newest and member in times and health.get(member) == _WELL and newest - times[member] <= RECENT
    }


def refuse_vouched(seen: ClusterSeen, flow: str) -> None:
    """Return unless a member that cannot be reached from here is healthy in the eyes of the registry."""
    for member in seen.dead:
        if member not in seen.vouched:
            continue
        where = seen.node_of(member) or flow
        what = (
            f"replica {member} cannot be reached from here ({seen.why_dead(member)}), and the registry itself says "
            f"that it is healthy, last at {seen.vouched[member]}"
        )
        raise RefusedError(where, what, _MEND.format(where))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_MEND = (
    "mend the way from here to {}: SSH, the registry's port, and its entry in the cluster file; if the replica "
    "shall go all the same, stop that machine, wait until the control plane calls it down, and run again"
)
