"""Which nodes the control plane must know."""

from collections.abc import Mapping, Sequence

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.findings import Finding, Level


def judge_membership(wanted: Sequence[str], members: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return a finding for each wanted node that is no member or not `ready`; `members` maps name to state."""
    return tuple(finding for name in wanted if (finding := _judge(name, members)))


def _judge(name: str, members: Mapping[str, str]) -> Finding | None:
    if name not in members:
        known = ", ".join(sorted(members))
        return Finding(
            Level.BLOCKS,
            name,
            f"the control plane does not know this node; it knows {known}",
            "join it to the swarm, or correct its name in the cluster file",
            RefusedError,
            readable=True,
        )
    if members[name].lower() != "ready":
        return Finding(
            Level.BLOCKS,
            name,
            f"the control plane says it is {members[name]}",
            "start its engine and wait until `docker node ls` says Ready",
            UnreachableError,
        )
    return None
