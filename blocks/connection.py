"""From the settings of a cluster to connections: made when first used, closed together."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from blocks.external_url import HTTP, HTTPS
from blocks.secret_references import resolve
from blocks.settings import ClusterSettings, TransportKind
from runbook.domain.access import Role
from runbook.domain.commands import ReplicaPorts
from runbook.domain.errors import InvalidConfigError, NotReadyError, RefusedError, UnreachableError
from runbook.domain.health import ClusterSeen
from runbook.domain.load_balancer import Front
from runbook.domain.topology import NodeSpec
from runbook.domain.versions import parse_version, probe_path
from runbook.remote.blob_seal import AsStored, BlobSeal
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlane
from runbook.remote.control_plane_backup import ControlPlaneBackup
from runbook.remote.discovery import observe
from runbook.remote.docker_transport import DockerTransport
from runbook.remote.load_balancer import LoadBalancer, Site
from runbook.remote.manual_balancer import nodes_that_answer
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.registry_api import Registry, ping
from runbook.remote.self_reports import with_reports
from runbook.remote.ssh import SshConnection, SshPool
from runbook.remote.ssh_transport import SshTransport
from runbook.remote.storage import S3Storage
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.transport import Transport
from runbook.remote.vault import Vault
from runbook.remote.vaults import open_vault

_NAME_IT = "add it to the cluster file, or do by hand there what the log says"


class ClusterConnection:
    """Every connection that a run needs; one SSH connection per node."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.version = parse_version(settings.registry.version)
        volume = settings.storage.volume  # a replica stands where its images are
        nodes = sorted(settings.registry_nodes, key=lambda n: volume is None or n.name != volume.node)
        self.registry_nodes = tuple(NodeSpec(n.name, n.address, n.role) for n in nodes)
        self._registered_ca: str | None = (
            None  # asked for until there is one: every look at the replicas needs it
        )
        self._vaults: dict[Role, Vault] = {}
        self._ssh = SshPool()
        self._closers: list[Callable[[], None]] = [self._ssh.close]

    @property
    def bootstrapper_image(self) -> str:
        """The bootstrapper's image with its tag."""
        return f"{self.settings.registry.image}:{self.version}"

    @property
    def ports(self) -> ReplicaPorts:
        """The ports of each replica, as far as they are not the vendor's."""
        registry = self.settings.registry
        http, https = registry.http_port, registry.https_port
        return ReplicaPorts(None if http == HTTP else http, None if https == HTTPS else https)

    def ssh(self, name: str) -> SshConnection:
        """Return the run's SSH connection to a node or to the load balancer."""
        machines = [*self.settings.nodes, *self.settings.load_balancer.machines]
        machine = next((machine for machine in machines if machine.name == name), None)
        if machine is None:
            raise InvalidConfigError(name, "no machine of the cluster file has that name", _NAME_IT)
        return self._ssh.get(machine.target(self.settings.ssh))

    @cached_property
    def transport(self) -> Transport:
        """How the bootstrapper is run and the nodes are looked at."""
        settings = self.settings
        if settings.transport is TransportKind.DOCKER:
            transport: Transport = DockerTransport(self.control_plane, self._ready_manager())
        else:
            targets = [node.target(settings.ssh) for node in settings.nodes]
            managers = [node.target(settings.ssh) for node in settings.managers]
            transport = SshTransport(self._ssh, managers, targets)
        self._closers.insert(0, transport.close)
        return transport

    def _ready_manager(self) -> str:
        """Return the first manager that the control plane calls ready, the first of all if none is."""
        ready = {node.name for node in self.control_plane.nodes() if node.state.lower() == "ready"}
        names = [node.name for node in self.settings.managers]
        return next((name for name in names if name in ready), names[0])

    @cached_property
    def control_plane(self) -> ControlPlane:
        """UCP / MKE."""
        control_plane = self.settings.control_plane.connect()
        self._closers.append(control_plane.close)
        return control_plane

    @cached_property
    def bootstrapper(self) -> Bootstrapper:
        """The vendor's commands, in the version of the cluster file."""
        return Bootstrapper(self.transport, self.bootstrapper_image, self.version, self.control_plane.access)

    @property
    def bootstrapper_seconds(self) -> float:
        """How long the vendor's commands of this run took together."""
        return sum(self.bootstrapper.seconds) if "bootstrapper" in vars(self) else 0.0

    @cached_property
    def control_plane_image(self) -> str | None:
        """The image that backs up the control plane, None where the cluster file asks for no such backup."""
        backup = self.settings.control_plane.backup
        return backup.image_for(self.control_plane) if backup else None

    def control_plane_backup(self, image: str) -> ControlPlaneBackup:
        """Return the control plane's own backup."""
        return ControlPlaneBackup(self.transport, image)

    @property
    def registry(self) -> Registry:
        """The registry as its users see it, through the external URL."""
        return Registry(self.settings.registry.external_url, self.registry_ca(), *self._administrator())

    @property
    def admin(self) -> RegistryAdmin:
        """The registry's administration API, through a healthy replica of its own."""
        healthy = self.observe().healthy
        if not healthy:
            raise NotReadyError(self.name, "no replica is healthy", "run `runbook check`")
        address = {n.name: n.address for n in self.registry_nodes}[healthy[0].node]
        return self._admin_at(address)

    def admin_on(self, node: str) -> RegistryAdmin:
        """The administration API of the replica on one node."""
        address = next((n.address for n in self.registry_nodes if n.name == node), None)
        if address is None:
            raise InvalidConfigError(node, "no registry node of the cluster file has that name", _NAME_IT)
        return self._admin_at(address)

    def _admin_at(self, address: str) -> RegistryAdmin:
        registry = self.settings.registry
        url = f"https://{address}:{registry.https_port}"
        return RegistryAdmin(url, self.registry_ca(), *self._administrator(), server_name=registry.server[0])

    def registry_ca(self) -> str | None:
        """Return the CA that signed the registry's certificate: the configured one, else the registered one."""
        registry = self.settings.registry
        if registry.ca_file is None and registry.tls and registry.tls.ca_file:
            return registry.tls.ca_pem()
        if registry.ca_file is None:
            self._registered_ca = self._registered_ca or self.control_plane.registry_ca(registry.host)
            return self._registered_ca
        try:
            return Path(registry.ca_file).read_text(encoding="utf-8")
        except OSError as exc:
            raise InvalidConfigError(
                f"registry.ca_file {registry.ca_file}",
                f"cannot be read: {exc.strerror}",
                "write the CA there",
            ) from exc

    @cached_property
    def storage(self) -> S3Storage | TreeStorage:
        """Where the registry keeps image data."""
        return self.settings.storage.used.connect(self.ssh)

    @property
    def vault(self) -> Vault:
        """Where recovery points, locks and holds are kept, as who writes them."""
        return self.vault_as(Role.WRITER)

    def vault_as(self, role: Role) -> Vault:
        """Return the vault with the credentials of that role, the same one each time."""
        if role not in self._vaults:
            self._vaults[role] = self._open_vault(role)
        return self._vaults[role]

    @cached_property
    def vault_as_stored(self) -> Vault:
        """The vault as who reads it for a copy: image data as it lies there, encrypted or not."""
        return self._open_vault(Role.VERIFIER, AsStored())

    def _open_vault(self, role: Role, seal: BlobSeal | None = None) -> Vault:
        vault = self.settings.vault
        folder = vault.url.removeprefix("file://")
        if vault.url.startswith("file://") and not Path(folder).is_dir():
            raise RefusedError(vault.url, "there is no such folder", "mount it, or make it, then run again")
        seal = seal or BlobSeal(vault.recipients, lambda: self.identity, new_blobs=vault.encrypt_blobs)
        return open_vault(
            vault.url,
            vault.reached_as(role),
            max_parts=vault.limits.max_parts,
            options=vault.write_options(),
            seal=seal,
        )

    def copy_vault(self, name: str) -> Vault:
        """Return the vault of the copy called `name`, which is configured."""
        return next(copy for copy in self.settings.vault.copies if copy.name == name).open()

    @cached_property
    def identity(self) -> SecretStr:
        """The age private key that opens recovery points."""
        return resolve(self.settings.vault.identity)

    @property
    def escrow_identity(self) -> SecretStr | None:
        """The age private key that is kept elsewhere, where a machine may read it."""
        reference = self.settings.vault.escrow_identity
        return resolve(reference) if reference else None

    @cached_property
    def load_balancer(self) -> LoadBalancer:
        """The load balancer, whichever kind it is."""
        host, port = self.settings.registry.server
        front = Front(host, port, probe_path=probe_path(self.version))
        addresses = {node.name: node.address for node in self.registry_nodes}
        site = Site(front, self.ssh, addresses, self._answering, self.ports)
        return self.settings.load_balancer.used.connect(site)

    def _answering(self, times: int) -> Iterator[str]:
        """Yield the nodes whose replicas answer that many new connections to the external URL."""
        url = self.settings.registry.external_url
        with RegistryAdmin(url, self.registry_ca(), *self._administrator(), keep_alive=False) as admin:
            yield from nodes_that_answer(admin, times)

    def observe(self) -> ClusterSeen:
        """Return the registry as it is now."""
        addresses = {node.name: node.address for node in self.registry_nodes}
        return observe(self.transport, addresses, self._why_not_healthy, self._members)

    def ask_registry(self, seen: ClusterSeen) -> ClusterSeen:
        """Return what was seen, with what the registry says of members that cannot be reached from here."""
        names = [node.name for node in self.registry_nodes]
        return with_reports(seen, names, self.admin_on, self.control_plane.nodes)

    @property
    def node_of_images(self) -> str:
        """The node in whose volume the registry's images are, empty where they are in no volume."""
        volume = self.settings.storage.volume
        return volume.node if volume else ""

    def answers(self) -> bool:
        """Tell whether the registry is healthy at its external URL."""
        host, port = self.settings.registry.server
        return ping(host, port=port, path=probe_path(self.version)) is None

    def describe(self, node: str) -> dict[str, Any]:
        """Return what a restore must match, for a recovery point read from the replica on `node`; no secret."""
        settings = self.settings
        return {
            "node": node,
            "registry": settings.registry.model_dump(),
            "nodes": [entry.model_dump(include={"name", "address", "role"}) for entry in settings.nodes],
            "storage": settings.storage.described(),
            "load_balancer": self.load_balancer.described(),
        }

    def close(self) -> None:
        """Close every connection that was made."""
        with ExitStack() as closing:  # all of them, even if one fails
            for close in reversed(self._closers):
                closing.callback(close)

    def _administrator(self) -> tuple[str, SecretStr]:
        return self.settings.control_plane.user, resolve(self.settings.control_plane.password)

    def _why_not_healthy(self, address: str, version: str | None) -> str | None:
        """Say why a replica is not healthy, asked as its own version is: in an upgrade there are two."""
        registry = self.settings.registry
        return ping(
            address,
            port=registry.https_port,
            path=probe_path(parse_version(version) if version else self.version),
            server_name=registry.server[0],
        )

    def _members(self, address: str) -> Mapping[str, str]:
        """Return the ids that the registry itself names and their nodes, asked at one replica; none if it is silent."""
        try:
            with self._admin_at(address) as admin:
                return admin.settings().nodes
        except UnreachableError:
            return {}
