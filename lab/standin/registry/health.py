"""How healthy this replica is, and what the replicas last said of themselves."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from registry import clock, names
from registry.etcd import DatabaseUnavailableError, Etcd
from registry.replica_context import Context

REPORT_EVERY = 5.0
REPORT_AGAIN = 1.0
_STALE_AFTER = 30.0
_QUORUM_WITHIN = 3.0
_PREFIX = "/health/"
_TIMEOUT = aiohttp.ClientTimeout(total=3)


@dataclass(frozen=True)
class Report:
    """What a replica said of itself, and when."""

    replica: str
    status: str
    at: str
    read_only: bool

    @property
    def is_stale(self) -> bool:
        """Tell whether it is too old to be believed."""
        return clock.age(self.at) > _STALE_AFTER

    def judged(self) -> str:
        """Return the status, or that it is too old to be believed."""
        return f"Replica reported health too long ago: {self.at}" if self.is_stale else self.status


async def problem(running_in: Context) -> str:
    """Return what is wrong with this replica, empty when nothing is."""
    try:
        async with asyncio.timeout(_QUORUM_WITHIN):
            await running_in.database.get("/cluster/quorum")
    except DatabaseUnavailableError as exc:
        return f"rethinkdb: {exc}"
    except TimeoutError:
        return "rethinkdb: Health check timed out"
    for service, port, path in (("registry", 5000, "/"), ("garant", 8080, "/_ping")):
        url = f"http://{names.container(service, running_in.replica)}:{port}{path}"
        wrong = await _answer_of(running_in.session, url)
        if wrong:
            return f"{service}: {wrong}"
    return ""


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Tell whether a URL answers with 200."""
    return await _answer_of(session, url) == ""


async def _answer_of(session: aiohttp.ClientSession, url: str) -> str:
    try:
        async with session.get(url, timeout=_TIMEOUT) as answer:
            return "" if answer.status == HTTPStatus.OK else f"{url} answers {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as exc:
        return f"{url}: {str(exc) or type(exc).__name__}"


async def report(running_in: Context, *, read_only: bool) -> bool:
    """Write down how this replica is, and tell whether it is well."""
    status = await problem(running_in) or "OK"
    row = {"status": status, "at": clock.now(), "read_only": read_only}
    await running_in.database.put(_PREFIX + running_in.replica, json.dumps(row))
    return status == "OK"


async def reports(database: Etcd) -> AsyncIterator[Report]:
    """Yield the last report of each replica."""
    async for row in database.rows(_PREFIX):
        value = json.loads(row.value)
        yield Report(row.key.removeprefix(_PREFIX), value["status"], value["at"], value["read_only"])


async def forget(database: Etcd, replica: str) -> None:
    """Leave no report of one replica."""
    await database.delete(_PREFIX + replica)


async def forget_all(database: Etcd) -> None:
    """Leave no report."""
    await database.delete_below(_PREFIX)
