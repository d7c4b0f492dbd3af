"""Where phase 2 works: the control plane, the node, the replica, the options, the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from registry import names
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.target import HTTP_PORT, HTTPS_PORT
from registry.bootstrapper.ucp import Ucp
from registry.cluster import Replica
from registry.control_plane import Connection
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError, Etcd
from registry.tables import Tables

POLL = 0.2
_TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True)
class Site:
    """What every step of phase 2 needs."""

    session: aiohttp.ClientSession
    ucp: Ucp
    console: Console
    node: str
    replica: str
    options: Options
    existing: str

    @staticmethod
    def of(session: aiohttp.ClientSession, console: Console, request: dict[str, Any]) -> "Site":
        """Return the site that a request of phase 1 describes."""
        ucp = Ucp(session, Connection.from_json(request["ucp"]), request["token"])
        return Site(
            session, ucp, console, request["node"], request["replica"], request["options"],
            request.get("existing", request["replica"]),
        )  # fmt: skip

    def at(self, replica: Replica) -> "Site":
        """Return the site of another replica of the cluster, with its own ports."""
        ports = {"replica_http_port": replica.http_port, "replica_https_port": replica.https_port}
        return replace(self, node=replica.node, replica=replica.id, options=self.options | ports)

    @property
    def http_port(self) -> int:
        """Return the port that redirects."""
        return int(self.options.get("replica_http_port") or HTTP_PORT)

    @property
    def https_port(self) -> int:
        """Return the port that serves."""
        return int(self.options.get("replica_https_port") or HTTPS_PORT)

    def database(self, replica: str = "") -> Etcd:
        """Return the database member of a replica, by default this one."""
        return Etcd(self.session, names.database_url(replica or self.replica))

    def tables(self, replica: str = "") -> Tables:
        """Return the tables behind that member."""
        return Tables(self.database(replica))

    async def status_of(self, url: str) -> int | str:
        """Return the HTTP status of a URL on the overlay network, or why there is none."""
        try:
            async with self.session.get(url, ssl=False, timeout=_TIMEOUT) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError) as exc:
            return str(exc) or type(exc).__name__


async def wait_until(why_not: Callable[[], Awaitable[str]], what: str, seconds: float) -> None:
    """Return once nothing speaks against it; fail with the last reason after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            reason = await why_not()
        except (DatabaseUnavailableError, DatabaseRefusedError) as exc:
            reason = str(exc)
        if not reason:
            return
        if time.monotonic() > deadline:
            raise FatalError(f"{what}: not after {seconds:.0f} seconds: {reason}")
        await asyncio.sleep(POLL)
