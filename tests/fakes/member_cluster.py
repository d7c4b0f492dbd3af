"""A cluster whose registry counts its members itself; its bootstrapper may be killed at any moment."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from runbook.domain.commands import JoinSpec, RemoveSpec
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.load_balancer import Backend
from runbook.domain.topology import quorum
from runbook.remote.bootstrapper import JoinResult
from tests.fakes.cluster_connection import FakeBalancer, FakeBootstrapper, FakeCluster
from tests.fakes.clusters import registry_nodes

LOCKED = 'Failed to lock the cluster: not after 20 seconds: the cluster is locked: {"operation": "join"}'


class Killed(BaseException):
    """The runbook's process is gone; what it started may not be."""


@dataclass
class MemberCluster(FakeCluster):
    """Its registry's own list of members is apart from what is on nodes."""

    members: dict[str, str] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)  # node -> state of dtr-phase2
    count: int = 5  # of registry nodes
    locked_for: int = 0  # further commands that meet the vendor's lock
    survives: bool = False  # the bootstrapper goes on when the runbook is killed
    kill_at: int = -1
    moments: list[str] = field(default_factory=list)
    undone: list[Callable[[], None]] = field(default_factory=list)
    lacking: tuple[str, ...] = ()  # nodes that have no image and cannot pull one
    brought: list[str] = field(default_factory=list)  # nodes that were asked for images

    def __post_init__(self) -> None:
        super().__post_init__()
        self.registry_nodes = registry_nodes(self.count)
        self.bootstrapper = MemberBootstrapper(self)
        self.load_balancer = MemberBalancer(self)
        for replica in self.replicas:
            self.members.setdefault(replica.replica_id, replica.node)

    @property
    def healthy(self) -> set[str]:
        return {r.replica_id for r in self.replicas if r.healthy and r.node not in self.unreachable}

    @property
    def seen(self) -> ClusterSeen:
        silent = (*self.unreachable, *self.without_ssh)
        there = tuple(r for r in self.replicas if r.node not in silent)
        places = dict(self.members) if self.healthy else {}
        answering = tuple(m for m, node in places.items() if m in self.healthy and node in self.without_ssh)
        return ClusterSeen(there, silent, tuple(places), places, answering, dict(self.phases))

    def observe(self) -> ClusterSeen:
        seen = self.seen
        for stage in self.undone:  # of a bootstrapper that went on by itself; the next look sees it done
            stage()
        self.undone = []
        return seen

    def moment(self, name: str) -> None:
        """Check what must be true at any time, and die if it is time to."""
        self.moments.append(name)
        alive = len(self.healthy & self.members.keys())
        pair = (
            len(self.members) == 2 and alive == 1
        )  # the vendor's own join counts the second before it serves
        assert pair or alive >= quorum(len(self.members)), f"{name}: {alive} healthy of {len(self.members)}"
        if len(self.moments) - 1 == self.kill_at:
            raise Killed(name)

    def ssh(self, name: str) -> "PhaseNode":  # type: ignore[override]
        if name in self.unreachable:
            raise UnreachableError(name, "no SSH session", "see that the node is up")
        return PhaseNode(self, name)


class PhaseNode:
    """A node whose engine removes an ended second phase and knows images."""

    def __init__(self, cluster: MemberCluster, name: str) -> None:
        self._cluster, self._name = cluster, name

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> "Ended":
        if argv[0] == "sh":
            return self._images(argv[3], argv[4:])
        assert list(argv) == ["docker", "rm", "dtr-phase2"]
        assert self._cluster.phases.pop(self._name) == "exited"
        return Ended()

    def _images(self, asked: str, names: Sequence[str]) -> "Ended":
        lacks = self._name in self._cluster.lacking
        if asked == "pull":
            return Ended(1, stderr=b"manifest unknown")
        if names:
            self._cluster.brought.append(self._name)
        lines = ["[]", *(f"{name} sha256:there" for name in names if not lacks)]
        return Ended(stdout="\n".join(lines).encode())


@dataclass(frozen=True)
class Ended:
    """A command that ended well."""

    status: int = 0
    stdout: bytes = b""
    stderr: bytes = b""


class MemberBootstrapper(FakeBootstrapper):
    """join, remove and destroy by contract, each in stages between which anything may happen."""

    def __init__(self, cluster: MemberCluster) -> None:
        super().__init__(cluster)
        self._members = cluster
        self._made = 0

    def join(self, spec: JoinSpec) -> JoinResult:
        cluster = self._members
        self._take_turn(spec.node)
        assert spec.existing_replica_id in cluster.healthy & cluster.members.keys()
        assert cluster.members.keys() <= cluster.healthy, "a join beside a dead member"
        assert not [r for r in cluster.replicas if r.node == spec.node], "one replica per node"
        self._made += 1
        new = Replica(
            f"{self._made:012x}", spec.node, "2.9.29", {}, (f"dtr-rethink-{self._made:012x}",), "no"
        )
        with self._stages(spec.node) as stages:
            stages.add("volumes", lambda: cluster.replicas.append(new))
            stages.add("containers", lambda: self._put(replace(new, services={"rethinkdb": "created"})))
            stages.add("counted", lambda: cluster.members.update({new.replica_id: spec.node}))
            running = replace(new, services=dict.fromkeys(SERVICES, "running"))
            stages.add("healthy", lambda: self._put(replace(running, why_not_healthy=None)))
        return JoinResult(new.replica_id, len(cluster.members), ())

    def remove(self, spec: RemoveSpec) -> None:
        cluster = self._members
        (gone,) = spec.replica_ids
        self._take_turn(gone)
        if gone not in cluster.members:
            raise RefusedError(gone, f"Replica {gone} does not exist", "name another")
        node = cluster.members[gone]
        assert spec.existing_replica_id in (cluster.healthy & cluster.members.keys()) - {gone}
        assert node not in cluster.load_balancer.pool_state(), "removed while in the pool"
        with self._stages(cluster.members[spec.existing_replica_id]) as stages:
            stages.add("uncounted", lambda: self._uncount(gone))
            if node not in cluster.unreachable:
                stages.add("taken away", lambda: self._drop(gone))

    def destroy(self, replica_id: str) -> None:
        assert replica_id not in self._members.members, "a member was destroyed"
        self._take_turn(replica_id)
        super().destroy(replica_id)
        self._members.moment("destroyed")

    def _take_turn(self, where: str) -> None:
        cluster = self._members
        cluster.moment("command begins")
        if cluster.phases:
            raise RefusedError(where, "Another operation still runs in dtr-phase2", "wait")
        if cluster.locked_for:
            cluster.locked_for -= 1
            raise RefusedError(where, LOCKED, "wait")

    @contextmanager
    def _stages(self, node: str) -> Iterator["Stages"]:
        stages = Stages(self._members, node)
        yield stages
        stages.run()

    def _put(self, replica: Replica) -> None:
        self._drop(replica.replica_id)
        self._members.replicas.append(replica)

    def _uncount(self, replica_id: str) -> None:
        """Leave it no member; without the others' database its probe answers no more."""
        self._members.members.pop(replica_id)
        for replica in [r for r in self._members.replicas if r.replica_id == replica_id]:
            self._put(replace(replica, why_not_healthy="/_ping answers 503"))

    def _drop(self, replica_id: str) -> None:
        self._members.replicas = [r for r in self._members.replicas if r.replica_id != replica_id]


class Stages:
    """The work of a second phase; when the runbook dies it dies too, or goes on."""

    def __init__(self, cluster: MemberCluster, node: str) -> None:
        self._cluster, self._node = cluster, node
        self._stages: list[tuple[str, Callable[[], object]]] = []

    def add(self, name: str, stage: Callable[[], object]) -> None:
        self._stages.append((name, stage))

    def run(self) -> None:
        cluster = self._cluster
        cluster.phases[self._node] = "running"
        left = list(self._stages)
        try:
            cluster.moment("second phase")
            while left:
                name, stage = left.pop(0)
                stage()
                cluster.moment(name)
        except Killed:
            if cluster.survives:
                cluster.undone = [lambda: [stage() for _, stage in left], self._end]  # type: ignore[list-item]
            else:
                self._end()
            raise
        cluster.phases.clear()
        cluster.moment("command ended")

    def _end(self) -> None:
        self._cluster.phases[self._node] = "exited"  # its first phase is not there to remove it


class MemberBalancer(FakeBalancer):
    """Finds a server up when its replica is healthy."""

    def __init__(self, cluster: MemberCluster) -> None:
        super().__init__()
        self._cluster = cluster

    def apply(self, pool: Sequence[Backend]) -> None:
        before = self.pool
        super().apply(pool)
        healthy = {r.node for r in self._cluster.replicas if r.replica_id in self._cluster.healthy}
        assert self.pool_state().keys() <= healthy, "a replica that is not healthy came into the pool"
        if self.pool != before:
            self._cluster.moment("pool set")


def member_cluster(folder: Path, *replicas: Replica, **settings: object) -> MemberCluster:
    folder.mkdir(parents=True, exist_ok=True)
    return MemberCluster(folder, list(replicas), **settings)  # type: ignore[arg-type]
