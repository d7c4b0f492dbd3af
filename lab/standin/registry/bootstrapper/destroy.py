"""Phase 2 of `destroy`: what is left of one replica is removed; the other replicas are not told."""

import asyncio

from registry.bootstrapper.seen import SeenReplica, remains
from registry.bootstrapper.ucp import UcpError
from registry.bootstrapper.workplace import Site

_STOP_SECONDS = 0  # what a client is sent meanwhile is lost: it is forced


async def run(site: Site) -> None:
    """Leave neither a container nor a volume of the replica."""
    site.console.info("Force removing replica")
    await clear(site, await left_of(site, site.replica))
    site.console.info("Replica removed.")


async def left_of(site: Site, replica: str) -> SeenReplica:
    """Return the containers and volumes of a replica on the nodes that answer."""
    found = (each for each in await remains(site.ucp) if each.id == replica)
    return next(found, SeenReplica(replica, ()))


async def clear(site: Site, found: SeenReplica, *, volumes: bool = True) -> None:
    """Leave none of these containers, and none of these volumes unless they are to stay."""
    site.console.info("Stopping containers")
    running = [each.id for each in found.containers if each.state == "running"]
    await asyncio.gather(*(_stop(site, each) for each in running))
    site.console.info("Removing containers")
    await asyncio.gather(*(site.ucp.remove(each.id) for each in found.containers))
    if volumes:
        site.console.info("Removing volumes")
        await asyncio.gather(*(site.ucp.remove_volume(each) for each in found.volumes))


async def _stop(site: Site, container: str) -> None:
    try:
        await site.ucp.stop(container, _STOP_SECONDS)
    except UcpError as exc:
        site.console.warn(f"{container[:12]} does not stop: {exc.message}")
