"""Which replicas stay, go and come, as one value: what a plan shows and what a run carries out."""

from dataclasses import dataclass, replace

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen
from runbook.domain.leftovers import Leftover
from runbook.domain.plans import Action, Step
from runbook.domain.self_reports import refuse_vouched


@dataclass(frozen=True)
class Removal:
    """A replica that leaves the cluster."""

    replica_id: str
    node: str  # where it is, or was; empty if nobody knows
    why: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """Drained first: no user meets a replica that is being taken away."""
        where = self.node or "no node"
        drain = Step(Action.DRAIN, "load balancer", f"the pool without {where}", "before its replica goes")
        return (drain, Step(Action.REMOVE, where, f"replica {self.replica_id}", self.why))


@dataclass(frozen=True)
class Joining:
    """A replica that comes to a node, once what was left there is gone."""

    node: str
    why: str
    left: tuple[Leftover, ...] = ()

    @property
    def step(self) -> Step:
        """The join itself."""
        return Step(Action.JOIN, self.node, "a new replica", self.why)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is left there is destroyed first; no user meets the replica before it is healthy."""
        pool = Step(Action.CONFIGURE, "load balancer", f"the pool with {self.node}", "once it is healthy")
        return (*(left.step for left in self.left), self.step, pool)


@dataclass(frozen=True)
class Changes:
    """The parts are carried out in their order: no replica comes while a dead one is a member."""

    keep: tuple[Step, ...] = ()
    left: tuple[Leftover, ...] = ()  # ended second phases: they bar every further run
    dead: tuple[Removal, ...] = ()
    joins: tuple[Joining, ...] = ()
    retired: tuple[Removal, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything, for a plan."""
        going_and_coming: tuple[Removal | Joining, ...] = (*self.dead, *self.joins, *self.retired)
        return (
            *self.keep,
            *(found.step for found in self.left),
            *(step for change in going_and_coming for step in change.steps),
        )

    @property
    def pooled(self) -> bool:
        """True if carrying this out leaves the pool as it shall be; without changes nobody has looked at it."""
        return bool(self.dead or self.joins or self.retired)

    def after_clearing(self, left: tuple[Leftover, ...]) -> "Changes":
        """Return these changes with what is cleared away first."""
        joins = (replace(j, left=tuple(one for one in j.left if one not in left)) for j in self.joins)
        return replace(self, left=left, joins=tuple(joins))

    @property
    def dead_nodes(self) -> str:
        """The nodes of the dead, which leave the pool together: none of them could be up in it."""
        return ",".join(removal.node for removal in self.dead if removal.node)


def kept(seen: ClusterSeen, leaving: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return a step for each member that stays."""
    return tuple(
        Step(
            Action.KEEP,
            seen.node_of(member) or "no node",
            f"replica {member}",
            "its probe answers; its node is silent here"
            if member in seen.answering
            else "it is a healthy member",
        )
        for member in seen.members
        if member not in leaving and member not in seen.dead
    )


def require_majority(seen: ClusterSeen, flow: str) -> None:
    """Return if the cluster can be changed at all; RefusedError names what helps where it cannot."""
    refuse_vouched(seen, flow)
    if seen.members and not seen.changeable:
        raise RefusedError(
            flow,
            f"no majority is healthy: {seen.summary()}",
            "run `runbook restore --plan`; it names the remedy",
        )
    if not seen.configured:
        what = (
            "the registry does not say which replicas are its members"
            if seen.members
            else "there is no replica"
        )
        raise RefusedError(flow, what, "run `runbook check`; `runbook install` if there is no registry yet")


def why_not_version(seen: ClusterSeen, wanted: str) -> str | None:
    """Say which member serves in another version than the cluster file's, whose bootstrapper would be run."""
    others = [
        f"{r.replica_id} on {r.node} runs {r.version}" for r in seen.living if r.version not in (None, wanted)
    ]
    return f"{', '.join(others)}; the cluster file says {wanted}" if others else None


def require_version(seen: ClusterSeen, wanted: str) -> None:
    """Return if the bootstrapper of version `wanted` is the one of the replicas that serve."""
    if reason := why_not_version(seen, wanted):
        next_step = "set `registry.version` to what runs; finish `runbook upgrade` first if two versions run"
        raise RefusedError("registry.version", reason, next_step)


def way_through(seen: ClusterSeen, without: str = "") -> str:
    """Return the healthy replica that the bootstrapper works through; RefusedError where none can be reached."""
    for replica in seen.living:
        if replica.replica_id != without:
            return replica.replica_id
    silent = f": {', '.join(seen.unreachable)} does not answer" if seen.unreachable else ""
    what = (
        f"no {'other ' if without else ''}healthy replica is on a node that can be reached from here{silent}"
    )
    raise RefusedError(
        without or "registry", what, "mend the way to the nodes of the healthy ones, then run again"
    )
