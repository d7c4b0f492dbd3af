"""What was seen of the registry, and what that means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runbook.domain.topology import quorum

SERVICES = ("rethinkdb", "registry", "garant", "api", "nginx", "jobrunner")
"""The containers `dtr-<service>-<id>` that every replica has, in every version."""


@dataclass(frozen=True)
class Replica:
    """One replica as its containers, volumes and health probe show it."""

    replica_id: str
    node: str
    version: str | None = None
    services: Mapping[str, str] = field(default_factory=dict)  # service -> container state
    volumes: tuple[str, ...] = ()
    why_not_healthy: str | None = "it was not probed"

    @property
    def healthy(self) -> bool:
        """True when its own health probe answered 200."""
        return self.why_not_healthy is None


@dataclass(frozen=True)
class ClusterSeen:
    """The registry at one moment."""

    replicas: tuple[Replica, ...]
    unreachable: tuple[str, ...] = ()  # nodes that did not answer
    configured: tuple[str, ...] = ()  # ids that the registry itself names; empty when it does not answer

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
        """Members that are not healthy."""
        alive = {r.replica_id for r in self.healthy}
        return tuple(member for member in self.members if member not in alive)

    @property
    def has_quorum(self) -> bool:
        """True when more than half of the members are healthy."""
        return bool(self.members) and len(self.healthy) >= quorum(len(self.members))

    def on_node(self, node: str) -> Replica | None:
        """Return the replica whose containers or volumes are on `node`."""
        return next((r for r in self.replicas if r.node == node), None)

    def summary(self) -> str:
        """Return one line: how many replicas, how many healthy, which nodes are silent."""
        counted = f"{len(self.members)} replicas, {len(self.healthy)} healthy"
        text = counted if self.replicas else "no replica"
        return f"{text}, unreachable: {', '.join(self.unreachable)}" if self.unreachable else text


def why_not_healthy_cluster(seen: ClusterSeen, expected: Iterable[str] = ()) -> str | None:
    """Say why the cluster is not wholly healthy yet, None when every member (and `expected`) is."""
    missing = [replica_id for replica_id in expected if replica_id not in seen.members]
    if not seen.members:
        return "there is no replica"
    if missing:
        return f"{', '.join(missing)} is not counted among {', '.join(seen.members)}"
    reasons = [f"{r.replica_id} on {r.node}: {r.why_not_healthy}" for r in seen.replicas if not r.healthy]
    lost = [member for member in seen.dead if member not in {r.replica_id for r in seen.replicas}]
    reasons += [f"{member}: a member, and found on no node" for member in lost]
    return "; ".join(reasons) or None
