"""Phase 2 of `restore`: an install whose database is loaded from a backup."""

import itertools
from typing import BinaryIO

from registry import properties
from registry.bootstrapper import archive, certificate_steps, lock, new_cluster, steps, storage_choice
from registry.bootstrapper.storage_choice import Choice
from registry.bootstrapper.workplace import Site
from registry.tables import TABLES, Tables

_BATCH = 100


async def run(site: Site, backup: BinaryIO) -> None:
    """Leave a cluster of one replica that knows what the backup knows."""
    archive.check_complete(backup)
    choice = storage_choice.from_options(site.options, site.replica)
    await new_cluster.prepare_node(site)
    tables = site.tables()
    async with lock.held(site.database(), site.console, "restore"):
        await _load(site, tables, backup)
        await _adapt(site, tables, choice)
        steps.say_migrations(site)
        await storage_choice.prepare(site, choice)
        await new_cluster.finish(site, choice.mount)
    new_cluster.say_complete(site, "Restore")


async def _load(site: Site, tables: Tables, backup: BinaryIO) -> None:
    site.console.info("Restoring the database from the backup")
    for table in TABLES:
        await tables.clear(table)
    count = 0
    rows = archive.read_rows(backup)
    while batch := list(itertools.islice(rows, _BATCH)):
        await tables.put_all(batch)
        count += len(batch)
    site.console.info("Database successfully restored", rows=count)


async def _adapt(site: Site, tables: Tables, choice: Choice) -> None:
    """Make the restored settings agree with the flags and the control plane of this restore."""
    await tables.set_property(properties.CONTROL_PLANE, site.ucp.connection.to_json())
    hub = await tables.property(properties.SETTINGS) or {}
    await tables.set_property(properties.SETTINGS, hub | new_cluster.settings_of(site))
    await storage_choice.apply_to_restored(site, tables, choice)
    if site.options["dtr_cert"]:
        await certificate_steps.create(site, tables)
    else:
        await certificate_steps.cover_node(site, tables)
