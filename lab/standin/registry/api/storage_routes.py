"""`admin/settings/registry`: where blobs are kept."""

import asyncio
import time
from http import HTTPStatus

from aiohttp import web

from registry import blob_store, cluster, health, jobs, properties, registry_settings, version
from registry.api import access
from registry.service import ApiError
from registry.storage_settings import Document, InvalidStorageError, digest_of, same_place, validated
from registry.tables import Tables

_APPLY_WITHIN = 15.0
_POLL = 0.1
BLOB_TABLES = ("tags", "manifests", "blobs", "blob_links", "scanned_images", "scanned_layers")


async def get_storage(request: web.Request) -> web.Response:
    """Answer with the full storage settings."""
    await access.administrator(request)
    return web.json_response(await access.tables(request).property(properties.STORAGE))


async def put_storage(request: web.Request) -> web.Response:
    """Check and save storage settings; answer once every live replica runs with them."""
    await access.administrator(request)
    given = await access.body(request)
    tables = access.tables(request)
    document = await _checked(given)
    before = await tables.property(properties.STORAGE)
    if not same_place(before, document):
        await _switch(tables, given.get("keep_metadata"))
    await tables.set_property(properties.STORAGE, document)
    await _applied_everywhere(tables)
    return web.json_response(document)


async def _checked(given: Document) -> Document:
    try:
        document = validated(given)
        await asyncio.to_thread(blob_store.check, document)
    except InvalidStorageError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_STORAGE_SETTINGS", str(exc)) from exc
    return document


async def _switch(tables: Tables, keep: object) -> None:
    """Do to the tags what this version does when blobs move elsewhere (contract section 2.2)."""
    if not version.at_least(version.ONLINE_GC):
        await jobs.add(tables.database, "tagmigration")
    elif not keeps_metadata(keep):
        for table in BLOB_TABLES:
            await tables.clear(table)


def keeps_metadata(keep: object) -> bool:
    """Tell whether this version keeps tags when the caller sets `keep_metadata` so (or not at all)."""
    if version.at_least(version.KEEPS_METADATA):
        return keep is not False
    return version.at_least(version.KEEP_METADATA_FLAG) and keep is True


async def _applied_everywhere(tables: Tables) -> None:
    """Wait until every replica that is not known to be dead runs with the settings, within a limit."""
    wanted = await registry_settings.wanted(tables)
    if wanted is None:
        return
    deadline = time.monotonic() + _APPLY_WITHIN
    while time.monotonic() < deadline:
        if await _live(tables) <= await _running_with(tables, digest_of(wanted)):
            return
        await asyncio.sleep(_POLL)


async def _live(tables: Tables) -> set[str]:
    dead = {report.replica async for report in health.reports(tables.database) if report.is_stale}
    return {replica.id for replica in await cluster.replicas(tables.database)} - dead


async def _running_with(tables: Tables, digest: str) -> set[str]:
    applied = await cluster.applied(tables.database)
    return {replica for replica, running in applied.items() if running == digest}


ROUTES = [
    web.get("/api/v0/admin/settings/registry", get_storage),
    web.put("/api/v0/admin/settings/registry", put_storage),
    web.put("/api/v0/admin/settings/registry/simple", put_storage),
]
