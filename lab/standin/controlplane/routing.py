"""Which node holds what: by identifier, by ``<node>/<name>``, or by a name that is unique."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from controlplane.cluster import Cluster
from controlplane.engines import Node
from controlplane.wire import HttpError

CONTAINER_ACTIONS = frozenset(
    {
        "json",
        "top",
        "logs",
        "changes",
        "export",
        "stats",
        "resize",
        "start",
        "stop",
        "restart",
        "kill",
        "update",
        "rename",
        "pause",
        "unpause",
        "attach",
        "wait",
        "archive",
        "exec",
        "copy",
    }
)
WEBSOCKET = "/attach/ws"


@dataclass(frozen=True)
class Place:
    """Where something is, and what its node's engine calls it."""

    node: Node
    ref: str


def split_container_path(rest: str) -> tuple[str, str]:
    """Take ``<ref>/<action>`` apart, where the ref may hold the node's name and a slash."""
    if rest.endswith(WEBSOCKET):
        return rest.removesuffix(WEBSOCKET), WEBSOCKET[1:]
    ref, slash, action = rest.rpartition("/")
    if slash and action in CONTAINER_ACTIONS:
        return ref, action
    return rest, ""


async def place_of_container(cluster: Cluster, ref: str) -> Place:
    """Return where a container is."""
    ref = ref.removeprefix("/")
    node_name, slash, name = ref.partition("/")
    if slash:
        node = await cluster.find(node_name)
        if node is None:
            raise HttpError(HTTPStatus.NOT_FOUND, f"No such container: {ref}")
        return Place(node, name)
    seen = await _ask(cluster, f"/containers/{quote(ref)}/json")
    return Place(_only([node for node, _ in seen], "container", ref), ref)


async def place_of_exec(cluster: Cluster, ref: str) -> Place:
    """Return where an exec instance is."""
    seen = await _ask(cluster, f"/exec/{quote(ref)}/json")
    return Place(_only([node for node, _ in seen], "exec instance", ref), ref)


async def place_of_volume(cluster: Cluster, ref: str) -> Place:
    """Return where a volume is."""
    node_name, slash, name = ref.partition("/")
    if slash:
        node = await cluster.find(node_name)
        if node is None:
            raise HttpError(HTTPStatus.NOT_FOUND, f"get {ref}: no such volume")
        return Place(node, name)
    seen = await _ask(cluster, f"/volumes/{quote(ref)}")
    return Place(_only([node for node, _ in seen], "volume", ref), ref)


async def nodes_with_container_name(cluster: Cluster, name: str) -> list[str]:
    """Return the nodes that hold a container of exactly this name."""
    seen = await _ask(cluster, f"/containers/{quote(name)}/json")
    return [node.name for node, found in seen if found.get("Name") == f"/{name}"]


async def _ask(cluster: Cluster, target: str) -> list[tuple[Node, dict[str, Any]]]:
    async def ask(node: Node) -> dict[str, Any] | None:
        answer = await cluster.engines.call(node, "GET", target)
        value = answer.value() if answer.ok else None
        return value if isinstance(value, dict) else None

    return [(node, found) for node, found in await cluster.ask_all(ask) if found is not None]


def _only(nodes: Sequence[Node], kind: str, ref: str) -> Node:
    if not nodes:
        raise HttpError(HTTPStatus.NOT_FOUND, f"No such {kind}: {ref}")
    if len(nodes) > 1:
        names = ", ".join(f"{node.name}/{ref}" for node in nodes)
        raise HttpError(HTTPStatus.CONFLICT, f"{kind} {ref} is ambiguous: {names}")
    return nodes[0]
