"""Phase 2 of `install`."""

from registry import properties
from registry.bootstrapper import certificate_steps, lock, new_cluster, steps, storage_choice
from registry.bootstrapper.workplace import Site


async def run(site: Site) -> None:
    """Leave a cluster of one replica on the node."""
    choice = storage_choice.from_options(site.options, site.replica)
    await new_cluster.prepare_node(site)
    tables = site.tables()
    async with lock.held(site.database(), site.console, "install"):
        await certificate_steps.create(site, tables)
        await new_cluster.write_properties(site, tables)
        steps.say_migrations(site)
        hub = await tables.property(properties.SETTINGS)
        await tables.set_property(properties.SETTINGS, hub | choice.settings)
        await storage_choice.prepare(site, choice)
        await new_cluster.finish(site, choice.mount)
    new_cluster.say_complete(site, "Installation")
