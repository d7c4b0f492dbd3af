"""Phase 2 of `emergency-repair`: a cluster of one replica, from the data volume of that replica alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from registry import cluster, health, names, properties, rethink
from registry.bootstrapper import destroy, join, lock, recreate, steps, storage_choice
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.seen import remains
from registry.bootstrapper.workplace import Site, wait_until
from registry.cluster import Replica
from registry.etcd import Etcd

_LOCAL = f"http://127.0.0.1:{names.DATABASE_PORT}"
_OPEN_WITHIN = 60.0


async def run(site: Site) -> None:
    """Leave this replica alone in the cluster, and healthy; the others' volumes go only when asked for."""
    site.console.info("Verifying the volumes of the replica")
    if not (Path(rethink.DATA) / "member").exists():
        volume = names.volume("rethink", site.replica)
        raise FatalError(f"The volume {volume} holds no database; try another replica ID")
    await steps.reach_network(site)
    await _remove_containers(site)
    here = await _alone(site)
    await steps.set_up_volumes(site)
    await _deploy(site.at(here))
    site.console.info("Emergency repair is complete")
    site.console.info(f"Replica ID is set to: {site.replica}")
    for text in join.closing_lines(1):
        site.console.info(text)


async def _remove_containers(site: Site) -> None:
    """Leave no container of any replica: two databases of one history must never run beside each other."""
    for found in await remains(site.ucp):
        own = found.id == site.replica
        site.console.info(f"{'Stopping' if own else 'Removing'} replica {found.id}")
        await destroy.clear(site, found, volumes=bool(site.options["prune"]) and not own)


async def _alone(site: Site) -> Replica:
    """Leave the data with one member and one replica; return what it knows of it."""
    site.console.info("Recovering the database from the volume of this replica")
    async with _opened(site) as database:
        known = {replica.id: replica for replica in await cluster.replicas(database)}
        here = known.get(site.replica) or Replica(site.replica, site.node, site.http_port, site.https_port)
        await _forget_others(database, here)
    return here


@asynccontextmanager
async def _opened(site: Site) -> AsyncIterator[Etcd]:
    """Give the database of the volume, which nobody else reaches, with its other members forgotten."""
    process = await asyncio.create_subprocess_exec(*rethink.private_arguments(site.replica, rethink.DATA))
    database = Etcd(site.session, _LOCAL)

    async def why_not() -> str:
        if process.returncode is not None:
            raise FatalError("The database of this replica cannot be opened; try another replica ID")
        await database.get("/cluster/quorum")
        return ""

    try:
        await wait_until(why_not, "Failed to open the database", _OPEN_WITHIN)
        yield database
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _forget_others(database: Etcd, here: Replica) -> None:
    await cluster.forget_all(database)
    await health.forget_all(database)
    await lock.break_all(database)
    await cluster.register(database, here)


async def _deploy(site: Site) -> None:
    await recreate.start_database(site)
    hub = await site.tables().property(properties.SETTINGS) or {}
    choice = storage_choice.from_settings(hub, site.replica)
    await storage_choice.prepare(site, choice)
    await steps.start_services(site, choice.mount)
    await steps.wait_until_healthy(site)
