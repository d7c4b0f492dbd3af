"""Phase 2 of `upgrade`: every replica gets the containers of this image's version, one after another.

What is known of the cluster stays. A run that was interrupted is resumed by the next, which goes on with
the replicas that have an old container, or lack one.
"""

import asyncio
import secrets
from http import HTTPStatus

from registry import cluster, names, properties, version
from registry.bootstrapper import lock, recreate, steps
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.seen import replicas_in
from registry.bootstrapper.ucp import UcpError
from registry.bootstrapper.workplace import Site
from registry.cluster import Replica

_CHECK = "dtr-image-check-"


async def run(site: Site) -> None:
    """Leave every replica healthy with this version."""
    await steps.connect_network(site)
    await recreate.revive_database(site)
    database = site.database()
    old = await _old(site, await cluster.replicas(database))
    await recreate.require_data(site, old)
    await _require_images(site, sorted({replica.node for replica in old}))
    async with lock.held(database, site.console, "upgrade"):
        if old:
            steps.say_migrations(site)
        await recreate.in_turn(site, old, _upgrade)
        await site.tables().set_property(properties.SCHEMA, properties.SCHEMA_VERSION)
    site.console.info(f"Upgrade to {version.current()} is complete", replicas=len(old))


async def _upgrade(site: Site) -> None:
    site.console.info(f"Upgrading replica {site.replica} to {version.current()}")
    await recreate.recreate(site)


async def _old(site: Site, replicas: list[Replica]) -> list[Replica]:
    """Return the replicas that do not have all their containers with this version."""
    seen = replicas_in(await site.ucp.containers())
    new = {
        each.id
        for each in seen
        if each.versions == {version.current()} and len(each.containers) == len(names.SERVICES)
    }
    for replica in replicas:
        state = "is upgraded already" if replica.id in new else "will be upgraded"
        site.console.info(f"Replica {replica.id} {state}")
    return [replica for replica in replicas if replica.id not in new]


async def _require_images(site: Site, nodes: list[str]) -> None:
    """Fail before any change when a node lacks an image: nothing pulls it in the middle of an upgrade."""
    site.console.info("Checking the images of the nodes")
    await _remove_checks(site)
    images = [names.service_image(service) for service in names.SERVICES]
    found = await asyncio.gather(*(_has(site, node, image) for node in nodes for image in images))
    asked = ((node, image) for node in nodes for image in images)
    lacking = [f"{image} on {node}" for (node, image), has in zip(asked, found, strict=True) if not has]
    if lacking:
        raise FatalError(f"Failed to find the images of this version, no such image: {', '.join(lacking)}")


async def _remove_checks(site: Site) -> None:
    """Leave nothing of the checks of a run that was interrupted."""
    left = [each for each in await site.ucp.containers() if each.name.startswith(_CHECK)]
    await asyncio.gather(*(site.ucp.remove(each.id) for each in left))


async def _has(site: Site, node: str, image: str) -> bool:
    """Try to create a container of it: the only question that reaches every node."""
    name = f"{_CHECK}{secrets.token_hex(4)}"
    try:
        container = await site.ucp.create_container(name, node, {"Image": image})
    except UcpError as exc:
        if exc.status != HTTPStatus.NOT_FOUND:
            raise
        return False
    await site.ucp.remove(container)
    return True
