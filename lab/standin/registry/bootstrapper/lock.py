"""One operation at a time on a cluster: a lock in its database, with a lease."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry import clock
from registry.bootstrapper.console import Console
from registry.bootstrapper.workplace import wait_until
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError, Etcd

_KEY = "/locks/operation"
_COLLECTION_KEY = "/gc/lock"
_LEASE = 10
_WAIT = 20.0


@asynccontextmanager
async def held(database: Etcd, console: Console, operation: str) -> AsyncIterator[None]:
    """Hold the cluster's lock; after a failure it stays until its lease ends."""
    lease = await _acquire(database, console, operation)
    renewing = asyncio.ensure_future(_renew(database, lease))
    try:
        yield
        await database.revoke(lease)
    finally:
        renewing.cancel()


async def break_all(database: Etcd) -> None:
    """Leave no lock, whoever held it: the cluster that it was of is no more."""
    await database.delete(_KEY)
    await database.delete(_COLLECTION_KEY)


async def _acquire(database: Etcd, console: Console, operation: str) -> str:
    lease = await database.grant(_LEASE)
    owner = json.dumps({"operation": operation, "since": clock.now()})
    said: set[str] = set()

    async def why_not() -> str:
        await database.keep_alive(lease)
        if await database.put_if(_KEY, owner, 0, lease):
            return ""
        holder = await database.get(_KEY)
        reason = f"the cluster is locked: {holder.value.decode() if holder else 'released just now'}"
        if not said:
            said.add(reason)
            console.info("Waiting for another operation on this cluster to end")
        return reason

    await wait_until(why_not, "Failed to lock the cluster", _WAIT)
    return lease


async def _renew(database: Etcd, lease: str) -> None:
    while True:
        await asyncio.sleep(_LEASE / 3)
        with contextlib.suppress(DatabaseUnavailableError, DatabaseRefusedError):
            await database.keep_alive(lease)
