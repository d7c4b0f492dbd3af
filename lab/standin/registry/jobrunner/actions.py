"""What each job action does."""

import asyncio
from collections.abc import Awaitable, Callable

from registry import jobs
from registry.jobrunner import collection
from registry.jobrunner.collection import Log
from registry.tables import Tables

_SLEEP = 60.0
_KEPT_JOBS = 100


class JobFailedError(Exception):
    """The job ended in an error of its own."""


async def _collect(tables: Tables, log: Log) -> None:
    await collection.collect_metadata(tables, log)
    await collection.collect_blobs(tables, log)


async def _sleep(_: Tables, log: Log) -> None:
    await log("sleeping for 60 seconds")
    await asyncio.sleep(_SLEEP)


async def _fail(_: Tables, log: Log) -> None:
    await log("this job always fails")
    raise JobFailedError("exit status 1")


async def _forget_old_jobs(tables: Tables, log: Log) -> None:
    old = [job for job, _ in await jobs.everything(tables.database)][_KEPT_JOBS:]
    for job in old:
        await jobs.delete(tables.database, job["id"])
    await log(f"{len(old)} jobs deleted")


ACTIONS: dict[str, Callable[[Tables, Log], Awaitable[None]]] = {
    "gc": _collect,
    "onlinegc": _collect,
    "onlinegc_metadata": collection.collect_metadata,
    "onlinegc_blobs": collection.collect_blobs,
    "onlinegc_joblogs": _forget_old_jobs,
    "tagmigration": collection.migrate_tags,
    "sleep": _sleep,
    "false": _fail,
}
COLLECTING = ("gc", "onlinegc", "onlinegc_metadata", "onlinegc_blobs")
