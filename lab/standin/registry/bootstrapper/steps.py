"""Steps that install, join and restore share: network, volumes, containers, health."""

import asyncio
import socket
from http import HTTPStatus
from typing import Any

from registry import names
from registry.bootstrapper import containers
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.ucp import UcpError
from registry.bootstrapper.workplace import Site, wait_until

DEFAULT_SUBNET = "10.1.0.0/24"
_DATABASE_WITHIN = 60.0
_HEALTHY_WITHIN = 120.0
_MIGRATIONS = (("", 10), ("notaryserver", 10), ("notarysigner", 10), ("jobrunner", 10))


async def reach_network(site: Site) -> None:
    """Leave phase 2 connected to the overlay network, made when it is missing."""
    if not await site.ucp.has_network(names.NETWORK):
        subnet = _subnet(site)
        site.console.info(f"Creating network: {names.NETWORK}")
        await site.ucp.create_network(names.NETWORK, subnet)
    await connect_network(site)


def _subnet(site: Site) -> str:
    given: str | None = site.options.get("overlay_subnet")
    site.console.info(f"Using {'' if given else 'default '}overlay subnet: {given or DEFAULT_SUBNET}")
    return given or DEFAULT_SUBNET


async def connect_network(site: Site) -> None:
    """Leave phase 2 connected to the overlay network that must exist."""
    site.console.info(f"Connecting to network: {names.NETWORK}")
    site.console.info("Waiting for phase2 container to be known to the Docker daemon")
    await site.ucp.connect(names.NETWORK, socket.gethostname())


async def set_up_volumes(site: Site) -> None:
    """Leave the node with the replica's volumes; those that exist are kept as they are."""
    site.console.info("Setting up replica volumes...")
    volumes = (names.volume(kind, site.replica) for kind in names.VOLUMES)
    await asyncio.gather(*(site.ucp.create_volume(site.node, volume) for volume in volumes))


async def start(site: Site, service: str, config: dict[str, Any]) -> None:
    """Leave a container of the replica running."""
    name = names.container(service, site.replica)
    try:
        container = await site.ucp.create_container(name, site.node, config)
        await site.ucp.start(container)
    except UcpError as exc:
        raise FatalError(
            f"Problem running container '{name}' from image '{config['Image']}': {exc.message}"
        ) from exc


async def start_database(site: Site, members: dict[str, str], *, new: bool) -> None:
    """Leave the replica's database member running."""
    site.console.info(f"Creating {names.container('rethinkdb', site.replica)}...")
    await start(site, "rethinkdb", containers.database(site, members, new=new))
    site.console.info("Establishing connection with Rethinkdb")


async def bootstrap_database(site: Site) -> None:
    """Leave a database of one member that answers."""
    site.console.info("Bootstrapping rethink...")
    await start_database(site, {site.replica: names.peer_url(site.replica)}, new=True)
    site.console.info("Waiting for database dtr2 to exist")

    async def why_not() -> str:
        await site.database().get("/cluster/quorum")
        return ""

    await wait_until(why_not, "Failed to connect to Rethinkdb", _DATABASE_WITHIN)


def say_migrations(site: Site) -> None:
    """Say what the vendor's program says of the schema."""
    site.console.info("Migrating db...")
    for service, target in _MIGRATIONS:
        fields = {"service": service} if service else {}
        site.console.info("Migrating database schema", **fields, fromVersion=0, toVersion=target)
        site.console.info(f"Migrated database from version 0 to {target}")


async def start_services(site: Site, storage: str) -> None:
    """Leave every service of the replica running."""
    site.console.info("Starting all containers...")
    site.console.info("Getting container configuration and starting containers...")
    cache = site.options.get("replica_rethinkdb_cache_mb")
    if cache is None:
        site.console.info("Automatically configuring rethinkdb cache size to 2000 mb")
    for service in containers.SERVICES:
        site.console.info(f"Creating {names.container(service, site.replica)}...")
    await create_services(site, storage)


async def create_services(site: Site, storage: str) -> None:
    """Leave a container of every service running; none of them exists yet."""
    await asyncio.gather(
        *(start(site, service, containers.service(site, service, storage)) for service in containers.SERVICES)
    )


async def wait_until_healthy(site: Site) -> None:
    """Return once the replica's `/_ping` is 200."""
    url = f"https://{names.container('nginx', site.replica)}/_ping"

    async def why_not() -> str:
        status = await site.status_of(url)
        return "" if status == HTTPStatus.OK else f"{url}: {status}"

    await wait_until(why_not, "Failed waiting for DTR to start", _HEALTHY_WITHIN)
