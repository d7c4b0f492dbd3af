"""A cluster that holds state: what tasks do to it is seen when they look again."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from blocks.cluster import RegistryCluster
from runbook.domain.access import Role
from runbook.domain.commands import (
    BackupSpec,
    InstallSpec,
    JoinSpec,
    ReplicaPorts,
    RestoreSpec,
    StorageChoice,
)
from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.topology import NodeSpec
from runbook.domain.versions import Version, parse_version
from runbook.remote.blob_seal import AsStored
from runbook.remote.bootstrapper import InstallResult, JoinResult, Source
from runbook.remote.control_plane_api import ControlPlaneNode
from runbook.remote.encryption import generate_identity
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.registry_api import Registry
from runbook.remote.vault_file import FileVault
from tests.fakes.balancer import FakeBalancer
from tests.fakes.clusters import IDS, alive, registry_nodes
from tests.fakes.local_node import LocalNode
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.registry_server import PASSWORD, USER, RegistryServer
from tests.fakes.scheduler import FakeScheduler

EXAMPLE = Path(__file__).parents[2] / "deployments" / "examples" / "msr-2.9-mke.yaml"


class FakeBootstrapper:
    """Adds healthy replicas; `archive` is what a backup writes, `failure` how it ends, `loaded` what was restored."""

    def __init__(self, cluster: "FakeCluster") -> None:
        self._cluster = cluster
        self.archive = b""
        self.failure: RefusedError | None = None
        self.destroyed: list[str] = []
        self.loaded = b""
        self.storage: StorageChoice | None = None  # what a restore or an install was told of it
        self.leaves_behind = False
        self.listed: tuple[str, ...] = ()  # what its `images` prints; nothing: the usual
        self.secrets: Mapping[str, SecretStr] = {}  # what an install was told beside its arguments
        self.upgraded: list[str] = []  # replicas that it worked through
        self.cut_short_after: int | None = None  # so many replicas are upgraded, then the run dies
        self.dies_with: Mapping[str, str] | None = None  # services of the replica at which an install dies

    @property
    def image(self) -> str:
        return self._cluster.bootstrapper_image

    def upgrade(self, existing_replica_id: str) -> None:
        self._take_turn()
        self.upgraded.append(existing_replica_id)
        wanted, done = str(self._cluster.version), 0
        for number, replica in enumerate(self._cluster.replicas):
            if replica.version == wanted and replica.healthy:
                continue
            if done == self.cut_short_after:
                services = {**replica.services, "api": "exited"}
                self._cluster.replicas[number] = replace(
                    replica, services=services, why_not_healthy="not running: api"
                )
                self._die(replica.node)
            self._cluster.replicas[number] = replace(
                replica, version=wanted, services=dict.fromkeys(SERVICES, "running"), why_not_healthy=None
            )
            done += 1

    def images(self) -> tuple[str, ...]:
        return self.listed or (self.image, self.image.replace("/dtr:", "/dtr-api:"))

    def install(self, spec: InstallSpec, secrets: Mapping[str, SecretStr]) -> InstallResult:
        self._take_turn()
        self.storage, self.secrets = spec.storage, secrets
        assert spec.replica_id
        made = replace(self._cluster.add(spec.node), replica_id=spec.replica_id)
        if self.dies_with is not None:
            volumes = (f"dtr-rethink-{spec.replica_id}",)
            made = replace(made, services=self.dies_with, volumes=volumes, why_not_healthy="half made")
        self._cluster.replicas[-1] = made
        self._cluster.silent = not made.healthy
        if self.dies_with is not None:
            self._die(spec.node)
        return InstallResult(spec.replica_id, ())

    def _die(self, node: str) -> None:
        """End with the run, the container of the second phase left behind."""
        self._cluster.ssh(node).phase2.write_text("exited")
        raise ConnectionAbortedError("the run was killed")

    def _take_turn(self) -> None:
        if self._cluster.seen.bootstrappers:
            raise RefusedError("dtr-phase2", "its name is taken", "remove it")

    def join(self, spec: JoinSpec) -> JoinResult:
        assert spec.existing_replica_id in self._cluster.seen.members
        replica = self._cluster.add(spec.node)
        return JoinResult(replica.replica_id, len(self._cluster.seen.members), ())

    def destroy(self, replica_id: str) -> None:
        self.destroyed.append(replica_id)
        if self.leaves_behind:
            return
        self._cluster.replicas = [r for r in self._cluster.replicas if r.replica_id != replica_id]

    def restore(self, spec: RestoreSpec, source: Source) -> None:
        self.storage = spec.storage
        while data := source.read(1 << 16):
            self.loaded += data
        replica = self._cluster.add(spec.node)
        assert replica.replica_id == spec.replica_id

    @contextmanager
    def backup(self, _spec: BackupSpec) -> Iterator["FakeArchive"]:
        yield FakeArchive(self.archive, self.failure)


class FakeArchive(io.BytesIO):
    """A stream whose end is judged by `finish`."""

    def __init__(self, data: bytes, failure: RunbookError | None) -> None:
        super().__init__(data)
        self._failure = failure

    def finish(self) -> None:
        if self._failure:
            raise self._failure


class FakeControlPlaneBackup:
    """`archive` is what the control plane's backup writes, `failure` how it ends."""

    def __init__(self) -> None:
        self.archive = b""
        self.failure: RunbookError | None = None

    @contextmanager
    def stream(self) -> Iterator["FakeArchive"]:
        yield FakeArchive(self.archive, self.failure)


@dataclass
class FakeControlPlane:
    """Knows `members`, by name and state; lets nobody in while there is a `refusal`."""

    members: dict[str, str]
    refusal: RunbookError | None = None
    identifier: str = "UCP1"
    admins_anywhere: bool | None = True  # may run containers on registry nodes
    also_managers: frozenset[str] = frozenset()

    def admins_may_deploy_anywhere(self) -> bool | None:
        return self.admins_anywhere

    def login(self) -> None:
        if self.refusal:
            raise self.refusal

    def nodes(self) -> tuple[ControlPlaneNode, ...]:
        self.login()
        return tuple(
            ControlPlaneNode(
                name, "manager" if name in self.also_managers else "worker", state, "active", "198.18.0.1"
            )
            for name, state in self.members.items()
        )

    def cluster_id(self) -> str:
        return self.identifier

    def version(self) -> Version:
        return Version(3, 7, 12)


@dataclass
class FakeCluster:
    """Four registry nodes and whatever replicas are on them; images are at `server`, if there is one."""

    folder: Path
    replicas: list[Replica] = field(default_factory=list)
    unreachable: tuple[str, ...] = ()
    without_ssh: tuple[str, ...] = ()  # nodes that are silent here, whose replicas serve
    name: str = "lab"
    serves: bool = False  # the external URL answers
    counted: tuple[str, ...] = ()  # ids that the registry counts as members; left out: all
    vouched: dict[str, str] = field(default_factory=dict)  # members that tell the others: well
    not_observed: RunbookError | None = None  # why nobody sees the replicas
    no_access: RunbookError | None = None  # why there is no client of the control plane
    server: RegistryServer | None = None  # what answers as the registry
    silent: bool = False  # no replica names the members

    def __post_init__(self) -> None:
        self.settings = RegistryCluster.from_file(EXAMPLE).settings
        self.version = parse_version(self.settings.registry.version)
        self.registry_nodes: tuple[NodeSpec, ...] = registry_nodes(4)
        self.bootstrapper = FakeBootstrapper(self)
        self.load_balancer = FakeBalancer()
        self.scheduler = FakeScheduler()
        self.accounts = FakeControlPlaneBackup()
        self.settings.control_plane.backup = None
        self.control_plane_image: str | None = None
        self.plane = FakeControlPlane({node.name: "ready" for node in self.settings.nodes})
        self.vault = FileVault(self.folder)
        self.storage = MemoryStorage()
        self.identity: SecretStr
        self.identity, recipient = generate_identity()
        self.settings.vault.recipients = [recipient]
        self.escrow_identity: SecretStr | None = None
        self.node_of_images = ""
        self.ports = ReplicaPorts()

    @property
    def bootstrapper_image(self) -> str:
        return f"{self.settings.registry.image}:{self.version}"

    @property
    def admin(self) -> Any:
        """The administration API, as far as it is there: without a server its schedules and jobs."""
        if self.server is None:
            return self.scheduler
        return RegistryAdmin(self.server.url, self.server.ca_pem, USER, SecretStr(PASSWORD))

    @property
    def seen(self) -> ClusterSeen:
        members = () if self.silent else self.counted or tuple(r.replica_id for r in self.replicas)
        hidden = {r.replica_id: r.node for r in self.replicas if r.node in self.without_ssh}
        there = tuple(r for r in self.replicas if r.replica_id not in hidden)
        answering = tuple(r.replica_id for r in self.replicas if r.replica_id in hidden and r.healthy)
        nodes = self.folder.parent / f"{self.folder.name}-nodes"
        phases = {file.parent.name: file.read_text() for file in nodes.glob("*/dtr-phase2")}
        silent = (*self.unreachable, *self.without_ssh)
        return ClusterSeen(there, silent, members, hidden, answering, phases)

    def control_plane_backup(self, _image: str) -> FakeControlPlaneBackup:
        return self.accounts

    @property
    def control_plane(self) -> FakeControlPlane:
        if self.no_access:
            raise self.no_access
        return self.plane

    def vault_as(self, _role: Role) -> FileVault:
        return self.vault

    @property
    def vault_as_stored(self) -> FileVault:
        return FileVault(self.vault.root, AsStored())

    def observe(self) -> ClusterSeen:
        if self.not_observed:
            raise self.not_observed
        return self.seen

    def ask_registry(self, seen: ClusterSeen) -> ClusterSeen:
        """What each member told of itself is what is in `vouched`."""
        return replace(
            seen, vouched={member: self.vouched[member] for member in seen.dead if member in self.vouched}
        )

    def describe(self, node: str) -> dict[str, object]:
        return {"node": node}

    def ssh(self, name: str) -> LocalNode:
        """Return a node that holds what its replica has left, unless it was there before."""
        if name in self.unreachable:
            raise UnreachableError(name, "no SSH session", "see that the node is up")
        folder = self.folder.parent / f"{self.folder.name}-nodes" / name
        known = folder.exists()
        node = LocalNode(folder)
        if not known:
            for replica in self.replicas:
                if replica.node == name:
                    node.hold(replica)
        return node

    @property
    def registry(self) -> Registry:
        assert self.server
        return Registry(self.server.url, self.server.ca_pem, USER, SecretStr(PASSWORD))

    def answers(self) -> bool:
        return self.serves

    def add(self, node: str) -> Replica:
        replica = alive(int(node.removeprefix("dtr")))
        assert replica.replica_id in IDS
        self.replicas.append(replica)
        return replica
