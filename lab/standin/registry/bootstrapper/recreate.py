"""New containers for replicas that exist, one replica after another: what upgrade and reconfigure share."""

import asyncio
from collections.abc import Awaitable, Callable

from registry import cluster, names, properties
from registry.bootstrapper import containers, membership, steps, storage_choice
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.workplace import Site, wait_until
from registry.cluster import Replica
from registry.etcd import Etcd

_STABLE_WITHIN = 60.0
_DATABASE_WITHIN = 60.0
_STOP_SECONDS = 10


async def revive_database(site: Site) -> None:
    """Leave this replica's database member running where a run that was interrupted left no container."""
    name = names.container("rethinkdb", site.replica)
    if not any(each.name == name for each in await site.ucp.containers()):
        await start_database(site)


async def require_data(site: Site, replicas: list[Replica]) -> None:
    """Fail before any change when a replica's data is on no node that answers: it must be removed first."""
    seen = {(volume.node, volume.name) for volume in await site.ucp.volumes()}
    for replica in replicas:
        if (replica.node, names.volume("rethink", replica.id)) not in seen:
            raise FatalError(
                f"Replica {replica.id} is unhealthy, its data was not found on node {replica.node}; "
                "bring the node back or remove the replica first"
            )


async def in_turn(site: Site, replicas: list[Replica], change: Callable[[Site], Awaitable[None]]) -> None:
    """Change one replica after another, each healthy before the next; sick ones first, they cost nothing."""
    everyone = await cluster.replicas(site.database())
    unwell = await membership.sick(site, replicas)
    for replica in sorted(replicas, key=lambda each: each.id not in unwell):
        await _stable(site, replica, [each for each in everyone if each.id != replica.id])
        there = site.at(replica)
        await change(there)
        await steps.wait_until_healthy(there)
        unwell.pop(replica.id, None)


async def _stable(site: Site, replica: Replica, others: list[Replica]) -> None:
    """Fail unless all others serve: they carry the cluster meanwhile."""
    site.console.info(
        f"Waiting for database to stabilize for up to {_STABLE_WITHIN:.0f} seconds before attempting to "
        f"reconfigure replica {replica.id}"
    )

    async def why_not() -> str:
        found = await membership.sick(site, others)
        return ", ".join(f"{each} ({status})" for each, status in found.items())

    await wait_until(why_not, f"The cluster is unhealthy, not touching replica {replica.id}", _STABLE_WITHIN)


async def recreate(site: Site) -> None:
    """Leave every container of the replica new; its volumes stay."""
    await _recreate_database(site)
    hub = await site.tables().property(properties.SETTINGS) or {}
    choice = storage_choice.from_settings(hub, site.replica)
    for service in containers.SERVICES:
        site.console.info(f"Recreating {names.container(service, site.replica)}...")
    await asyncio.gather(*(site.ucp.remove(_place(site, service)) for service in containers.SERVICES))
    await storage_choice.prepare(site, choice, again=True)
    await steps.create_services(site, choice.mount)


async def _recreate_database(site: Site) -> None:
    """A member that is asked to stop hands over what it leads, so the others go on at once."""
    site.console.info(f"Recreating {names.container('rethinkdb', site.replica)}...")
    member = _place(site, "rethinkdb")
    await site.ucp.stop_if_there(member, _STOP_SECONDS)
    await site.ucp.remove(member)
    await start_database(site)


async def start_database(site: Site) -> None:
    """Leave this replica's database member running on the data that its volume holds."""
    members = {site.replica: names.peer_url(site.replica)}  # its own data says who the others are
    await steps.start(site, "rethinkdb", containers.database(site, members, new=False))
    database = site.database()
    await wait_until(lambda: _answers(database), "Failed to connect to Rethinkdb", _DATABASE_WITHIN)


async def _answers(database: Etcd) -> str:
    await database.get("/cluster/quorum")
    return ""


def _place(site: Site, service: str) -> str:
    return f"{site.node}/{names.container(service, site.replica)}"
