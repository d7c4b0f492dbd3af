"""A cluster that holds state: what tasks do to it is seen when they look again."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blocks.cluster import RegistryCluster
from runbook.domain.commands import BackupSpec, InstallSpec, JoinSpec
from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.domain.health import ClusterSeen, Replica
from runbook.domain.topology import NodeSpec
from runbook.domain.versions import parse_version
from runbook.remote.bootstrapper import InstallResult, JoinResult
from runbook.remote.encryption import generate_identity
from runbook.remote.haproxy import ServerState
from runbook.remote.haproxy_file import MARKER
from runbook.remote.vault_file import FileVault
from tests.fakes.clusters import IDS, alive, registry_nodes

EXAMPLE = Path(__file__).parents[2] / "deployments" / "examples" / "msr-2.9-mke.yaml"


class FakeBootstrapper:
    """Adds healthy replicas; `archive` is what a backup writes, `failure` how it ends."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self._cluster = cluster
        self.archive = b""
        self.failure: RefusedError | None = None
        self.destroyed: list[str] = []

    def install(self, spec: InstallSpec) -> InstallResult:
        return InstallResult(self._cluster.add(spec.node).replica_id, ())

    def join(self, spec: JoinSpec) -> JoinResult:
        assert spec.existing_replica_id in self._cluster.seen.members
        replica = self._cluster.add(spec.node)
        return JoinResult(replica.replica_id, len(self._cluster.seen.members), ())

    def destroy(self, replica_id: str) -> None:
        self.destroyed.append(replica_id)
        self._cluster.replicas = [r for r in self._cluster.replicas if r.replica_id != replica_id]

    @contextmanager
    def backup(self, _spec: BackupSpec) -> Iterator["FakeArchive"]:
        yield FakeArchive(self.archive, self.failure)


class FakeArchive(io.BytesIO):
    """A stream whose end is judged by `finish`."""

    def __init__(self, data: bytes, failure: RefusedError | None) -> None:
        super().__init__(data)
        self._failure = failure

    def finish(self) -> None:
        if self._failure:
            raise self._failure


@dataclass
class FakeBalancer:
    """Takes a configuration and finds every server of it up at once; keeps what a person wrote."""

    text: str = ""
    applied: int = 0
    take_over: bool = False

    def read(self) -> str:
        return self.text

    def require_replaceable(self) -> None:
        if self.text and MARKER not in self.text and not self.take_over:
            raise ForeignFileError("lb-1", "haproxy.cfg was written by hand", "set `take_over: true`")

    def apply(self, text: str) -> None:
        self.require_replaceable()
        self.text = text
        self.applied += 1

    def pool_state(self) -> dict[str, ServerState]:
        servers = [line.split()[1] for line in self.text.splitlines() if " check-ssl" in line]
        return {name: ServerState("UP", "L7OK 200") for name in servers}


@dataclass
class FakeCluster:
    """Four registry nodes and whatever replicas are on them."""

    folder: Path
    replicas: list[Replica] = field(default_factory=list)
    unreachable: tuple[str, ...] = ()
    name: str = "lab"
    serves: bool = False  # the external URL answers

    def __post_init__(self) -> None:
        self.settings = RegistryCluster.from_file(EXAMPLE).settings
        self.version = parse_version(self.settings.registry.version)
        self.registry_nodes: tuple[NodeSpec, ...] = registry_nodes(4)
        self.bootstrapper = FakeBootstrapper(self)
        self.load_balancer = FakeBalancer()
        self.vault = FileVault(self.folder)
        self.identity, recipient = generate_identity()
        self.settings.vault.recipients = [recipient]
        self.ports = None

    @property
    def seen(self) -> ClusterSeen:
        return ClusterSeen(tuple(self.replicas), self.unreachable, tuple(r.replica_id for r in self.replicas))

    def observe(self) -> ClusterSeen:
        return self.seen

    def answers(self) -> bool:
        return self.serves

    def add(self, node: str) -> Replica:
        replica = alive(int(node.removeprefix("dtr")))
        assert replica.replica_id in IDS
        self.replicas.append(replica)
        return replica
