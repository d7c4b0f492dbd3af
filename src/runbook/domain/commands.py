"""The bootstrapper's argument lists, built from wanted values.

No secret is ever in them: the control plane's password, the TLS key and a proxy's password reach the bootstrapper
in its environment. Every other value is a flag, because the environment's names differ between releases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from runbook.domain.errors import RefusedError
from runbook.domain.install_options import ProxyFlags, TlsFlags, make_proxy_flags, make_tls_flags
from runbook.domain.versions import (
    Version,
    knows_nocolor,
    needs_storage_flag,
    restore_over_nfs_erases_tags,
)

Arguments = tuple[str, ...]
HTTP, HTTPS = 80, 443


@dataclass(frozen=True)
class ControlPlaneFlags:
    """How the bootstrapper reaches the control plane; without a CA its certificate is not verified."""

    url: str
    username: str
    ca_pem: str | None


class StorageKind(StrEnum):
    """Where image data lives, as far as the bootstrapper is told."""

    DEFAULT = "default"  # install: a local volume; restore: the object storage that the backup names
    VOLUME = "volume"
    NFS = "nfs"


@dataclass(frozen=True)
class StorageChoice:
    """A kind of storage and its place: a volume name or path, or an nfs:// URL with its mount options."""

    kind: StorageKind = StorageKind.DEFAULT
    location: str = ""
    options: str | None = None


@dataclass(frozen=True)
class ReplicaPorts:
    """The ports on which a replica listens; None leaves the vendor's 80 or 443."""

    http: int | None = None
    https: int | None = None

    @property
    def both(self) -> tuple[int, int]:
        """The ports as they will be."""
        return self.http or HTTP, self.https or HTTPS


@dataclass(frozen=True)
class InstallSpec:
    """A wanted first replica."""

    node: str
    external_url: str
    replica_id: str | None = None
    storage: StorageChoice = StorageChoice()
    ports: ReplicaPorts = ReplicaPorts()
    overlay_subnet: str | None = None
    tls: TlsFlags | None = None
    proxy: ProxyFlags | None = None


@dataclass(frozen=True)
class JoinSpec:
    """A wanted further replica; storage, certificates and URL come from the cluster."""

    node: str
    existing_replica_id: str
    replica_id: str | None = None
    ports: ReplicaPorts = ReplicaPorts()


@dataclass(frozen=True)
class BackupSpec:
    """A wanted metadata archive, read through one healthy replica."""

    existing_replica_id: str


@dataclass(frozen=True)
class RestoreSpec:
    """A wanted first replica, filled from an archive.

    The overlay network outlives a destroyed cluster; certificate and proxy are among the archive's settings.
    """

    replica_id: str
    node: str
    external_url: str
    storage: StorageChoice = StorageChoice()
    ports: ReplicaPorts = ReplicaPorts()


@dataclass(frozen=True)
class RemoveSpec:
    """Replicas that should leave the cluster, by way of a healthy one."""

    existing_replica_id: str
    replica_ids: tuple[str, ...]


def make_install_command(access: ControlPlaneFlags, spec: InstallSpec, version: Version) -> Arguments:
    """Return the arguments that install the first replica."""
    return (
        "install",
        *_common(access, version),
        *_flag("--ucp-node", spec.node),
        *_flag("--dtr-external-url", spec.external_url),
        *_flag("--replica-id", spec.replica_id),
        *_storage(spec.storage),
        *_ports(spec.ports),
        *_flag("--overlay-subnet", spec.overlay_subnet),
        *make_tls_flags(spec.tls),
        *make_proxy_flags(spec.proxy),
    )


def make_join_command(access: ControlPlaneFlags, spec: JoinSpec, version: Version) -> Arguments:
    """Return the arguments that add a replica."""
    return (
        "join",
        *_common(access, version),
        *_flag("--ucp-node", spec.node),
        *_flag("--existing-replica-id", spec.existing_replica_id),
        *_flag("--replica-id", spec.replica_id),
        *_ports(spec.ports),
    )


def make_backup_command(access: ControlPlaneFlags, spec: BackupSpec, version: Version) -> Arguments:
    """Return the arguments that write the metadata archive to standard output."""
    return ("backup", *_common(access, version), *_flag("--existing-replica-id", spec.existing_replica_id))


def make_restore_command(access: ControlPlaneFlags, spec: RestoreSpec, version: Version) -> Arguments:
    """Return the arguments that read an archive from standard input into a fresh replica.

    Refuses the NFS flag where the vendor's releases erase every tag with it.
    """
    refuse_lossy_storage(spec.node, spec.storage, version)
    default = spec.storage.kind is StorageKind.DEFAULT and needs_storage_flag(version)
    return (
        "restore",
        *_common(access, version),
        *_flag("--replica-id", spec.replica_id),
        *_flag("--ucp-node", spec.node),
        *_flag("--dtr-external-url", spec.external_url),
        *(("--dtr-use-default-storage",) if default else _storage(spec.storage)),
        *_ports(spec.ports),
    )


def refuse_lossy_storage(where: str, storage: StorageChoice, version: Version) -> None:
    """Return if a restore onto this storage keeps what it restores, else RefusedError."""
    if storage.kind is StorageKind.NFS and restore_over_nfs_erases_tags(version):
        raise RefusedError(
            where,
            f"restore with an NFS URL erases every tag in version {version}",
            "ask the vendor for the way over a volume on that share; this runbook does not go it",
        )


def make_destroy_command(access: ControlPlaneFlags, replica_id: str, version: Version) -> Arguments:
    """Return the arguments that delete one replica's containers and volumes, its local images included."""
    return ("destroy", *_common(access, version), *_flag("--replica-id", replica_id))


def make_remove_command(access: ControlPlaneFlags, spec: RemoveSpec, version: Version) -> Arguments:
    """Return the arguments that take replicas out of a cluster that stays healthy."""
    return (
        "remove",
        *_common(access, version),
        *_flag("--existing-replica-id", spec.existing_replica_id),
        *_flag("--replica-ids", ",".join(spec.replica_ids)),
    )


def make_upgrade_command(access: ControlPlaneFlags, existing_replica_id: str, version: Version) -> Arguments:
    """Return the arguments that bring every replica to `version`, which must be the image's own."""
    return ("upgrade", *_common(access, version), *_flag("--existing-replica-id", existing_replica_id))


def make_images_command() -> Arguments:
    """Return the arguments that list the images a node needs; no control plane is asked."""
    return ("images",)


def _common(access: ControlPlaneFlags, version: Version) -> Sequence[str]:
    trust = ("--ucp-insecure-tls",) if access.ca_pem is None else ("--ucp-ca", access.ca_pem)
    colour = ("--nocolor",) if knows_nocolor(version) else ()
    return ("--ucp-url", access.url, "--ucp-username", access.username, *trust, *colour)


def _flag(name: str, value: str | None) -> Sequence[str]:
    return () if value is None else (name, value)


def _ports(ports: ReplicaPorts) -> Sequence[str]:
    http = None if ports.http is None else str(ports.http)
    https = None if ports.https is None else str(ports.https)
    return (*_flag("--replica-http-port", http), *_flag("--replica-https-port", https))


def _storage(storage: StorageChoice) -> Sequence[str]:
    names = {StorageKind.VOLUME: "--dtr-storage-volume", StorageKind.NFS: "--nfs-storage-url"}
    if storage.kind is StorageKind.DEFAULT:
        return ()
    return (names[storage.kind], storage.location, *_flag("--nfs-options", storage.options))
