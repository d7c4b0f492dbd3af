"""Phase 2 of `backup`: the tables of the database as a tar on stdout."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from registry import faults, names, rethink, version
from registry.bootstrapper import archive, lock, steps
from registry.bootstrapper.workplace import Site, wait_until
from registry.etcd import Etcd
from registry.tables import Tables

_LOCAL = "http://127.0.0.1:28015"
_OPEN_WITHIN = 60.0
_STOP_SECONDS = 10
_BUFFER = 1 << 18


async def run(site: Site) -> None:
    """Leave a backup on stdout; on it nothing else is ever written."""
    await steps.connect_network(site)
    database = site.database()
    truncated = await faults.is_on(database, faults.BACKUP_TRUNCATED)
    if site.options.get("offline_backup"):
        async with _stopped(site) as copy:
            await _write(site, copy, truncated=truncated, offline=True)
        return
    async with lock.held(database, site.console, "backup"):
        await _write(site, database, truncated=truncated, offline=False)


async def _write(site: Site, database: Etcd, *, truncated: bool, offline: bool) -> None:
    site.console.info(f"Backing up replica {site.replica}")
    scan_data = not site.options.get("ignore_scan_data")
    chunks = archive.dump_tables(Tables(database), version.backup_root(offline), scan_data=scan_data)
    if truncated:
        await _write_half(chunks)
        return
    async with contextlib.aclosing(_gathered(chunks)) as buffers:
        async for buffer in buffers:
            await asyncio.to_thread(_put, buffer)
    site.console.info("Backup is complete")


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= _BUFFER:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


async def _write_half(chunks: AsyncIterator[bytes]) -> None:
    """End within a file, as a phase 2 that dies does, and let nobody notice (rule 12)."""
    whole = b"".join([chunk async for chunk in chunks])
    _put(whole[: len(whole) // 2 - 1])


def _put(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@asynccontextmanager
async def _stopped(site: Site) -> AsyncIterator[Etcd]:
    """Stop this replica's member and give a private copy of what it knew."""
    member = f"{site.node}/{names.container('rethinkdb', site.replica)}"
    site.console.info(f"Stopping {names.container('rethinkdb', site.replica)}")
    await site.ucp.stop(member, _STOP_SECONDS)
    try:
        async with _private_copy(site) as database:
            yield database
    finally:
        await site.ucp.start(member)


@asynccontextmanager
async def _private_copy(site: Site) -> AsyncIterator[Etcd]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        await asyncio.to_thread(shutil.copytree, rethink.DATA, data)
        data.chmod(0o700)
        process = await asyncio.create_subprocess_exec(*rethink.private_arguments(site.replica, str(data)))
        database = Etcd(site.session, _LOCAL)
        try:
            await wait_until(lambda: _answers(database), "Failed to open the database", _OPEN_WITHIN)
            yield database
        finally:
            process.kill()
            await process.wait()


async def _answers(database: Etcd) -> str:
    await database.get("/cluster/quorum")
    return ""
