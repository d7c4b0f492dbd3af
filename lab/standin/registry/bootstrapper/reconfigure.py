"""Phase 2 of `reconfigure`: new settings for the cluster, and new containers for each replica in turn."""

from dataclasses import replace

from registry import cluster, jobs, properties, version
from registry.bootstrapper import (
    certificate_steps,
    lock,
    new_cluster,
    recreate,
    registration,
    releases,
    steps,
    storage_choice,
)
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.workplace import Site
from registry.cluster import Replica
from registry.storage_settings import backend_of
from registry.tables import Tables


async def run(site: Site) -> None:
    """Leave the cluster with these settings and every container of it new."""
    site.console.info("Cluster reconfiguration will occur on all DTR replicas")
    await steps.connect_network(site)
    await recreate.revive_database(site)
    database = site.database()
    replicas = await cluster.replicas(database)
    here = next((each for each in replicas if each.id == site.replica), None)
    if here is None:
        raise FatalError(f"Replica {site.replica} does not exist in the database of this cluster")
    await recreate.require_data(site, replicas)
    async with lock.held(database, site.console, "reconfigure"):
        await cluster.register(database, _with_ports(site, here))
        await _save(site, site.tables())
        await recreate.in_turn(site, await cluster.replicas(database), recreate.recreate)
        await _register(site, site.tables())
    site.console.info("Reconfiguration is complete")


def _with_ports(site: Site, replica: Replica) -> Replica:
    """Return the named replica with the ports that the flags give."""
    return replace(
        replica,
        http_port=site.options.get("replica_http_port") or replica.http_port,
        https_port=site.options.get("replica_https_port") or replica.https_port,
    )


async def _save(site: Site, tables: Tables) -> None:
    hub = await tables.property(properties.SETTINGS) or {}
    wanted = hub | new_cluster.settings_of(site)
    place = storage_choice.new_place(site.options)
    if place is not None:
        await _switch(site, tables, moved=await _moves(tables, hub, place))
        wanted |= place
        await tables.set_property(properties.STORAGE, properties.default_storage())
    elif site.options.get("reinitialize_storage"):
        await _switch(site, tables, moved=True)
    await tables.set_property(properties.SETTINGS, wanted)
    if site.options["dtr_cert"] or site.options["dtr_key"]:
        await certificate_steps.create(site, tables)
    else:
        await certificate_steps.cover_node(site, tables)


async def _moves(tables: Tables, hub: dict[str, object], place: dict[str, object]) -> bool:
    """Tell whether blobs will be kept in another place than now."""
    cloud = backend_of(await tables.property(properties.STORAGE)) != "filesystem"
    return cloud or any((hub.get(name) or "") != value for name, value in place.items())


async def _switch(site: Site, tables: Tables, *, moved: bool) -> None:
    """Do to the tags what this version does when the storage backend changes (contract section 2.2)."""
    migrated = bool(site.options.get("storage_migrated"))
    if not moved:
        return
    if not version.at_least(version.ONLINE_GC):
        await jobs.add(tables.database, "tagmigration")
    elif releases.erases_tags(migrated=migrated, reinitialize=bool(site.options.get("reinitialize_storage"))):
        await storage_choice.wipe_tags(site.console, tables)
    elif migrated:
        site.console.info("The `--storage-migrated` flag is set. Not erasing tags.")
    else:
        site.console.info("Not erasing tags, the new storage must hold what the old one held.")


async def _register(site: Site, tables: Tables) -> None:
    """Leave the control plane trusting the registry as it is named and certified now."""
    if any(site.options.get(name) for name in ("dtr_external_url", "dtr_cert")):
        hub = await tables.property(properties.SETTINGS)
        await registration.register(site, tables, hub["dtrHost"] or await new_cluster.address_of(site))
