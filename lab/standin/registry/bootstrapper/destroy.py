"""Phase 2 of `destroy`: what is left of one replica is removed; the other replicas are not told."""

import asyncio

from registry.bootstrapper.seen import remains
from registry.bootstrapper.ucp import UcpError
from registry.bootstrapper.workplace import Site

_STOP_SECONDS = 1


async def run(site: Site) -> None:
    """Leave neither a container nor a volume of the replica."""
    site.console.info("Force removing replica")
    found = next((each for each in await remains(site.ucp) if each.id == site.replica), None)
    containers = found.containers if found else ()
    volumes = found.volumes if found else ()
    site.console.info("Stopping containers")
    running = [each.id for each in containers if each.state == "running"]
    await asyncio.gather(*(_stop(site, each) for each in running))
    site.console.info("Removing containers")
    await asyncio.gather(*(site.ucp.remove(each.id) for each in containers))
    site.console.info("Removing volumes")
    await asyncio.gather(*(site.ucp.remove_volume(each) for each in volumes))
    site.console.info("Replica removed.")


async def _stop(site: Site, container: str) -> None:
    try:
        await site.ucp.stop(container, _STOP_SECONDS)
    except UcpError as exc:
        site.console.warn(f"{container[:12]} does not stop: {exc.message}")
