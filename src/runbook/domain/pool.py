"""Which members the load balancer's pool is made of, and when that cannot be told."""

from collections.abc import Collection
from dataclasses import dataclass

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.health import ClusterSeen

_CHECK = "see `runbook check`, then rerun"


@dataclass(frozen=True)
class PoolNodes:
    """The nodes whose replicas make the pool, and those that serve and shall leave it."""

    stay: tuple[str, ...]
    leaving: tuple[str, ...] = ()


def nodes_of_members(seen: ClusterSeen) -> tuple[str, ...]:
    """Return the nodes of the members that have containers, and of those whose node nobody could look at."""
    nodes = (seen.node_of(member) for member in seen.members if _there(seen, member))
    return tuple(node for node in nodes if node)


def choose_pool(seen: ClusterSeen, where: str, without: Collection[str] = ()) -> PoolNodes:
    """Return who stays in the pool and who leaves it; never nobody, and never fewer because a look failed."""
    nodes = nodes_of_members(seen)
    stay = tuple(node for node in nodes if node not in without)
    for error in (_unknown_members(seen), _silent(seen, stay), _nobody(where, stay)):
        if error:
            raise error
    return PoolNodes(stay, tuple(n for n in nodes if n in without and seen.member_on(n) not in seen.dead))


def _there(seen: ClusterSeen, member: str) -> bool:
    found = any(r.replica_id == member and r.services for r in seen.replicas)
    return found or seen.node_of(member) in seen.unreachable


def _unknown_members(seen: ClusterSeen) -> UnreachableError | None:
    """Say that a silent node may have a member, or that one that is found may be none."""
    if seen.configured or not (seen.unreachable or seen.healthy):
        return None
    where = ", ".join(seen.unreachable) or seen.healthy[0].node
    return UnreachableError(where, "no replica says which are the members: the pool stays as it is", _CHECK)


def _silent(seen: ClusterSeen, stay: Collection[str]) -> UnreachableError | None:
    for node in stay:
        if node in seen.unreachable and seen.member_on(node) in seen.dead:
            what = "neither it nor its replica answers: the pool stays as it is"
            return UnreachableError(node, what, "start it, or run `runbook repair` if its replica is lost")
    return None


def _nobody(where: str, stay: Collection[str]) -> RefusedError | None:
    if stay:
        return None
    what = "no replica is seen that its pool could be made of: the pool stays as it is"
    return RefusedError(where, what, "run `runbook check`; `runbook restore --plan` if the registry is lost")
