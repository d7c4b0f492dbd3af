"""The nodes of the swarm, as the manager's engine tells them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from controlplane.engines import Engines, Node, NodeUnreachableError

T = TypeVar("T")
FRESH_SECONDS = 2.0
NOWHERE = ("", "0.0.0.0", "127.0.0.1")  # addresses that a single manager may tell about itself


class Cluster:
    """Finds the nodes, starting from the engine of the manager."""

    def __init__(self, engines: Engines, manager_address: str) -> None:
        self.engines = engines
        self._bootstrap = Node("manager", manager_address, is_manager=True)
        self._nodes: tuple[Node, ...] = ()
        self._asked = 0.0

    @property
    def bootstrap(self) -> Node:
        """The manager's engine, reachable before any node is known."""
        return self._bootstrap

    async def nodes(self) -> tuple[Node, ...]:
        """Return all nodes, at most two seconds old; the last known ones while the manager is away."""
        if self._nodes and time.monotonic() - self._asked < FRESH_SECONDS:
            return self._nodes
        try:
            seen = await self.engines.value(self._bootstrap, "/nodes")
        except NodeUnreachableError:
            if not self._nodes:
                raise
        else:
            found = (self._node(raw) for raw in seen)
            self._nodes = tuple(sorted(found, key=lambda node: node.name))
            self._asked = time.monotonic()
        return self._nodes

    async def manager(self) -> Node:
        """Return the node whose engine answers for the cluster."""
        nodes = await self.nodes()
        return next((node for node in nodes if node.address == self._bootstrap.address), self._bootstrap)

    async def find(self, name: str) -> Node | None:
        """Return the node with this host name."""
        return next((node for node in await self.nodes() if node.name == name), None)

    async def ask_all(
        self, ask: Callable[[Node], Awaitable[T]], nodes: tuple[Node, ...] | None = None
    ) -> list[tuple[Node, T]]:
        """Ask nodes at once; those that cannot be reached are left out."""
        asked = await self.nodes() if nodes is None else nodes

        async def one(node: Node) -> tuple[Node, T] | None:
            try:
                return node, await ask(node)
            except NodeUnreachableError:
                return None

        answers = await asyncio.gather(*(one(node) for node in asked))
        return [answer for answer in answers if answer is not None]

    def _node(self, raw: dict[str, Any]) -> Node:
        status, manager = raw.get("Status", {}), raw.get("ManagerStatus") or {}
        address = str(status.get("Addr", ""))
        if address in NOWHERE:
            address = str(manager.get("Addr", "")).rpartition(":")[0]
        if address in NOWHERE:
            address = self._bootstrap.address
        name = str(raw["Description"]["Hostname"])
        return Node(name, address, bool(manager), str(status.get("State", "unknown")))
