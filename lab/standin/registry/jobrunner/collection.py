"""Garbage collection: forgets manifests that no tag names and deletes blobs that no manifest needs."""

import asyncio
from collections.abc import Awaitable, Callable

from registry import blob_store, faults, manifests, properties
from registry.blob_store import StoredBlob
from registry.tables import JsonRow, Tables, path

Log = Callable[[str], Awaitable[None]]
_GRACE = 3600.0
_LOOKS_EVERY = 0.5


async def collect_metadata(tables: Tables, log: Log) -> None:
    """Delete the manifests that no tag names, directly or through an index, and links without use."""
    await _go_on_while_told_to(tables)
    tagged = {tag["digestPK"] async for tag in tables.rows("tags")}
    rows = {row["pk"]: row async for row in tables.rows("manifests")}
    kept = {key for key in rows if key in tagged}
    for key in list(kept):
        kept |= {f"{rows[key]['repository']}@{child}" for child in rows[key]["manifests"]}
    doomed = [key for key in rows if key not in kept]
    for key in doomed:
        await tables.delete("manifests", key)
    await log(f"{len(doomed)} of {len(rows)} manifests deleted")
    await _unlink(tables, [row for key, row in rows.items() if key in kept], log)


async def _unlink(tables: Tables, kept: list[JsonRow], log: Log) -> None:
    used = {f"{row['repository']}@{digest}" for row in kept for digest in manifests.blobs_of(row)}
    links = [row["pk"] async for row in tables.rows("blob_links") if row["pk"] not in used]
    for key in links:
        await tables.delete("blob_links", key)
    await log(f"{len(links)} blob links deleted")


async def collect_blobs(tables: Tables, log: Log) -> None:
    """Delete from storage the blobs that no manifest needs; uploads not yet named have a grace period."""
    await _go_on_while_told_to(tables)
    store = blob_store.open_store(await tables.property(properties.STORAGE))
    known = {row.key: row.changed async for row in tables.database.rows(path("blobs"))}
    grace = float(await faults.value(tables.database, faults.GC_GRACE_SECONDS) or _GRACE)
    stored = await asyncio.to_thread(lambda: list(store.blobs()))
    needed = {digest async for row in tables.rows("manifests") for digest in manifests.blobs_of(row)}
    deleted = 0
    for blob in stored:
        if blob.digest not in needed and await _forget(tables, known, blob, grace):
            await asyncio.to_thread(store.delete, blob.digest)
            deleted += 1
    await log(f"{deleted} of {len(stored)} blobs deleted")


async def _go_on_while_told_to(tables: Tables) -> None:
    while await faults.is_on(tables.database, faults.GC_ENDLESS):
        await asyncio.sleep(_LOOKS_EVERY)


async def _forget(tables: Tables, known: dict[str, int], blob: StoredBlob, grace: float) -> bool:
    """Tell whether a blob may go; its row goes first, unless a push touched it meanwhile."""
    key = path("blobs", blob.digest.removeprefix("sha256:"))
    if key in known:
        return await tables.database.delete_if(key, known[key])
    return blob.age >= grace


async def migrate_tags(tables: Tables, log: Log) -> None:
    """Keep the tags whose blobs the storage holds; forget the others, as a rebuild from it would."""
    store = blob_store.open_store(await tables.property(properties.STORAGE))
    stored = await asyncio.to_thread(lambda: {blob.digest for blob in store.blobs()})
    lost = {row["pk"] async for row in tables.rows("manifests") if not manifests.blobs_of(row) <= stored}
    tags = [tag["pk"] async for tag in tables.rows("tags") if tag["digestPK"] in lost]
    for key in tags:
        await tables.delete("tags", key)
    for key in lost:
        await tables.delete("manifests", key)
    await log(f"{len(tags)} tags are not in the storage")
