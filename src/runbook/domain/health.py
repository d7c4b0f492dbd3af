"""What was seen of the registry, and what that means."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from runbook.domain.topology import quorum

SERVICES = ("rethinkdb", "registry", "garant", "api", "nginx", "jobrunner")
"""The containers `dtr-<service>-<id>` that every replica has, in every version."""
_PAIR = 2


@dataclass(frozen=True)
class Replica:
    """One replica as its containers, volumes and health probe show it."""

    replica_id: str
    node: str
    version: str | None = None
    services: Mapping[str, str] = field(default_factory=dict)  # service -> container state
    volumes: tuple[str, ...] = ()
    why_not_healthy: str | None = "it was not probed"
    outside: bool = False  # its node is no registry node of the cluster file

    @property
    def healthy(self) -> bool:
        """True when its own health probe answered 200."""
        return self.why_not_healthy is None

    @property
    def runs(self) -> bool:
        """True when every service of it runs, whatever its probe says."""
        return all(self.services.get(service) == "running" for service in SERVICES)


@dataclass(frozen=True)
class ClusterSeen:
    """The registry at one moment."""

    replicas: tuple[Replica, ...]
    unreachable: tuple[str, ...] = ()  # nodes that did not answer
    configured: tuple[str, ...] = ()  # ids that the registry itself names; empty when it does not answer
    places: Mapping[str, str] = field(default_factory=dict)  # their nodes, as the registry names them
    answering: tuple[str, ...] = ()  # members on no node that answers here, whose own probe answers
    bootstrappers: Mapping[str, str] = field(default_factory=dict)  # node -> state of its `dtr-phase2`
    vouched: Mapping[str, str] = field(
        default_factory=dict
    )  # dead from here -> when they last told the others: well

    @property
    def healthy(self) -> tuple[Replica, ...]:
        """The replicas whose probe answered."""
        return tuple(r for r in self.replicas if r.healthy)

    @property
    def members(self) -> tuple[str, ...]:
        """Ids that count for quorum: what the registry names, else what was found on nodes."""
        return self.configured or tuple(r.replica_id for r in self.replicas if r.services)

    @property
    def dead(self) -> tuple[str, ...]:
        """Members that are not healthy; one whose node is silent here and whose probe answers is healthy."""
        alive = {r.replica_id for r in self.healthy} | set(self.answering)
        return tuple(member for member in self.members if member not in alive)

    @property
    def living(self) -> tuple[Replica, ...]:
        """The healthy members on nodes that answer: those to work through."""
        return tuple(r for r in self.healthy if r.replica_id in self.members)

    @property
    def has_quorum(self) -> bool:
        """True when more than half of the members are healthy."""
        return bool(self.members) and len(self.members) - len(self.dead) >= quorum(len(self.members))

    @property
    def changeable(self) -> bool:
        """True while members may be taken out: with a majority, or with the one of two whose probe still answers.

        A probe answers only while the database has its majority: the second is then one whose join was cut short.
        """
        return self.has_quorum or (len(self.members) == _PAIR and bool(self.living))

    def node_of(self, member: str) -> str:
        """Return the node of a member: where it was found, else where the registry says; empty if nobody knows."""
        found = next((r.node for r in self.replicas if r.replica_id == member), None)
        return found or self.places.get(member, "")

    def member_on(self, node: str) -> str | None:
        """Return the member whose node that is."""
        return next((member for member in self.members if self.node_of(member) == node), None)

    def why_dead(self, member: str) -> str:
        """Say what is wrong with a member that is dead."""
        found = next((r for r in self.replicas if r.replica_id == member), None)
        if found:
            return found.why_not_healthy or "it is healthy"
        where = self.places.get(member)
        silent = f", and {where} does not answer" if where in self.unreachable else ""
        return f"a member, and found on no node{silent}"

    def summary(self) -> str:
        """Return one line: how many replicas, how many healthy, which nodes are silent."""
        counted = f"{len(self.members)} replicas, {len(self.members) - len(self.dead)} healthy"
        text = counted if self.replicas else "no replica"
        return f"{text}, unreachable: {', '.join(self.unreachable)}" if self.unreachable else text


def does_not_answer(nodes: Collection[str]) -> str:
    """Say which nodes are silent."""
    return f"{', '.join(nodes)} {'does' if len(nodes) == 1 else 'do'} not answer"


def why_even(count: int) -> str | None:
    """Warn of an even number of replicas, None for an odd one."""
    if count % 2:
        return None
    return f"{count} replicas, an even number, outlive no more failures than {count - 1}"


def why_not_healthy_cluster(seen: ClusterSeen, expected: Iterable[str] = ()) -> str | None:
    """Say why the cluster is not wholly healthy yet, None when every member (and `expected`) is."""
    missing = [replica_id for replica_id in expected if replica_id not in seen.members]
    if not seen.members:
        return "there is no replica"
    if missing:
        return f"{', '.join(missing)} is not counted among {', '.join(seen.members)}"
    counted = [r for r in seen.replicas if not seen.configured or r.replica_id in seen.configured]
    reasons = [f"{r.replica_id} on {r.node}: {r.why_not_healthy}" for r in counted if not r.healthy]
    lost = [member for member in seen.dead if member not in {r.replica_id for r in seen.replicas}]
    reasons += [f"{member}: {seen.why_dead(member)}" for member in lost]
    return "; ".join(reasons) or None
