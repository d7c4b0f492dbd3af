"""Where blobs go by the flags of install and restore."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from registry import names, properties, version
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.ucp import Volume
from registry.bootstrapper.workplace import Site
from registry.tables import Tables

_NFS_VOLUME = "registry-nfs"


@dataclass(frozen=True)
class Choice:
    """The volume that is mounted as `/storage`, and the settings that tell others of it."""

    mount: str
    settings: dict[str, Any] = field(default_factory=dict)


def from_options(options: Options, replica: str) -> Choice:
    """Return what the flags choose; without any, the replica's own volume."""
    volume, url = options.get("dtr_storage_volume"), options.get("nfs_storage_url")
    if volume and url:
        raise FatalError("--dtr-storage-volume and --nfs-storage-url exclude each other")
    if (options.get("nfs_options") or options.get("async_nfs")) and not url:
        raise FatalError("--nfs-options and --async-nfs need --nfs-storage-url")
    if url:
        host, path = _nfs(url)
        return Choice(
            names.volume(_NFS_VOLUME, replica), {"nfsHost": host, "nfsPath": path, "storageVolume": ""}
        )
    if volume:
        return Choice(volume, {"storageVolume": volume, "nfsHost": "", "nfsPath": ""})
    return Choice(names.volume("registry", replica))


def from_settings(settings: dict[str, Any], replica: str) -> Choice:
    """Return what the cluster's settings choose for a replica that joins."""
    if settings.get("nfsHost"):
        return Choice(names.volume(_NFS_VOLUME, replica), settings)
    return Choice(settings.get("storageVolume") or names.volume("registry", replica))


def new_place(options: Options) -> dict[str, Any] | None:
    """Return the settings of where blobs shall be from now on, None when the flags name no storage.

    An empty NFS URL goes back to the replica's own volume.
    """
    volume, url = options.get("dtr_storage_volume"), options.get("nfs_storage_url")
    if url is None and not volume:
        return None
    chosen = from_options(options, "").settings
    return chosen or {"storageVolume": "", "nfsHost": "", "nfsPath": ""}


async def prepare(site: Site, choice: Choice, *, again: bool = False) -> None:
    """Leave the node with the volume that the choice mounts, where it is not a path.

    `again` makes an NFS volume anew, for its options may have changed; no container uses it then.
    """
    if not choice.settings.get("nfsHost"):
        if not choice.mount.startswith("/"):
            await site.ucp.create_volume(site.node, choice.mount)
        return
    host, path = choice.settings["nfsHost"], choice.settings["nfsPath"]
    site.console.info("Configuring NFS")
    site.console.info(f"Using NFS storage: nfs://{host}{path}")
    options = site.options.get("nfs_options") or ("rw,async" if site.options.get("async_nfs") else "rw")
    site.console.info(f"Using NFS options: {options}")
    if again:
        site.console.info(f"Recreating volume {site.node}/{choice.mount}")
        await site.ucp.remove_volume(Volume(site.node, choice.mount))
    # a lab's kernel may have no NFS: the directory must be there, the same on every node
    await site.ucp.create_volume(site.node, choice.mount, {"type": "none", "o": "bind", "device": path})


def _nfs(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "nfs" or not parts.hostname or not parts.path.strip("/"):
        raise FatalError(f"--nfs-storage-url: {url!r} is not nfs://<host>/<directory>")
    return parts.hostname, parts.path


async def apply_to_restored(site: Site, tables: Tables, choice: Choice) -> None:
    """Make the restored settings agree with the storage flag of the restore."""
    hub = await tables.property(properties.SETTINGS) or {}
    if site.options.get("dtr_use_default_storage"):
        await tables.set_property(
            properties.SETTINGS, hub | {"storageVolume": "", "nfsHost": "", "nfsPath": ""}
        )
        return
    if not choice.settings:
        return
    await tables.set_property(properties.STORAGE, properties.default_storage())
    await tables.set_property(properties.SETTINGS, hub | choice.settings)
    if choice.settings["nfsHost"] and wipes_tags_on_nfs():
        await wipe_tags(site.console, tables)


def wipes_tags_on_nfs() -> bool:
    """Tell whether this version forgets all tags when it is restored onto NFS (ENGDTR-794)."""
    return version.at_least(version.ONLINE_GC) and not version.at_least(version.NFS_KEEPS_TAGS)


async def wipe_tags(console: Console, tables: Tables) -> None:
    """Leave no tag, manifest or blob known."""
    console.warn("Erasing tags, the storage backend changed")
    for table in ("tags", "manifests", "blobs", "blob_links"):
        await tables.clear(table)
