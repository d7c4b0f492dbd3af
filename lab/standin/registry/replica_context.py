"""What every service of a replica starts from: its ID, its database, the settings in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp

from registry import names, properties
from registry.certificates import KeyPair
from registry.control_plane import Accounts, Connection
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError, Etcd
from registry.tables import Tables

T = TypeVar("T")
POLL = 0.4


def replica_id() -> str:
    """Return the replica that this service belongs to."""
    return os.environ["DTR_REPLICA_ID"]


class Context:
    """The database and the HTTP session of a service."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.replica = replica_id()
        self.database = Etcd(session, names.database_url(self.replica))
        self.tables = Tables(self.database)

    async def accounts(self) -> Accounts:
        """Return the control plane that the cluster is registered at."""
        stored = await self.tables.property(properties.CONTROL_PLANE)
        return Accounts(self.session, Connection.from_json(stored))

    async def signer(self) -> KeyPair:
        """Return the key that signs tokens."""
        return KeyPair(**await self.tables.property(properties.TOKEN_SIGNING))


@asynccontextmanager
async def context() -> AsyncIterator[Context]:
    """Give a service its context."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield Context(session)


async def when_ready(ask: Callable[[], Awaitable[T | None]]) -> T:
    """Return what the database answers, once it answers with something."""
    while True:
        try:
            found = await ask()
        except (DatabaseUnavailableError, DatabaseRefusedError):
            found = None
        if found:
            return found
        await asyncio.sleep(POLL)
