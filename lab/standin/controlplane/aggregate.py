"""One picture of all nodes: containers, volumes, and what `/info` says of the engines."""

import json
from typing import Any
from urllib.parse import urlencode

from controlplane import VERSION
from controlplane.cluster import Cluster
from controlplane.engines import Node
from controlplane.wire import Answer, Request, parse_json

SHORT_ID = 12
COUNTS = ("Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "NCPU", "MemTotal")


async def containers(cluster: Cluster, request: Request) -> Answer:
    """Answer with the containers of every reachable node, named ``/<node>/<name>``."""
    query = {key: values[0] for key, values in request.query.items()}
    limit = int(query.pop("limit", "") or 0)
    nodes, query = await _wanted_nodes(cluster, query)
    target = f"{request.prefix}/containers/json?{urlencode(query)}"
    merged = []
    for node, seen in await cluster.ask_all(lambda node: cluster.engines.value(node, target), nodes):
        for container in seen:
            names = container["Names"] or [f"/{container['Id'][:SHORT_ID]}"]  # one being removed has none
            container["Names"] = [f"/{node.name}{name}" for name in names]
            merged.append(container)
    merged.sort(key=lambda container: int(container["Created"]), reverse=True)
    return Answer.json(merged[:limit] if limit > 0 else merged)


async def volumes(cluster: Cluster, request: Request) -> Answer:
    """Answer with the volumes of every reachable node, named ``<node>/<name>``."""
    query = {key: values[0] for key, values in request.query.items()}
    nodes, query = await _wanted_nodes(cluster, query)
    target = f"{request.prefix}/volumes?{urlencode(query)}"
    merged: list[dict[str, Any]] = []
    warnings: list[str] = []
    for node, seen in await cluster.ask_all(lambda node: cluster.engines.value(node, target), nodes):
        warnings += seen.get("Warnings") or []
        merged += [{**volume, "Name": f"{node.name}/{volume['Name']}"} for volume in seen["Volumes"] or []]
    return Answer.json({"Volumes": merged, "Warnings": warnings or None})


async def info(cluster: Cluster, request: Request, cluster_id: str) -> Answer:
    """Answer with the manager's picture, the cluster's identifier and every node's state."""
    target = f"{request.prefix}/info"
    seen = {
        node.name: found for node, found in await cluster.ask_all(lambda n: cluster.engines.value(n, target))
    }
    picture = dict(seen.get((await cluster.manager()).name, {}))
    for key in COUNTS:
        picture[key] = sum(found.get(key, 0) for found in seen.values())
    picture["ID"] = cluster_id
    picture["ServerVersion"] = f"ucp/{VERSION}"
    picture["SystemStatus"] = _system_status(await cluster.nodes(), seen)
    return Answer.json(picture)


def _system_status(nodes: tuple[Node, ...], seen: dict[str, dict[str, Any]]) -> list[list[str]]:
    rows = [["Nodes", str(len(nodes))]]
    for node in nodes:
        found = seen.get(node.name)
        rows.append([f" {node.name}", f"{node.address}:12376"])
        rows.append(["  └ Status", "Healthy" if found else "Unreachable"])
        rows.append(["  └ Containers", str(found["Containers"] if found else "unknown")])
    return rows


async def _wanted_nodes(
    cluster: Cluster, query: dict[str, str]
) -> tuple[tuple[Node, ...] | None, dict[str, str]]:
    """Take the filter ``node=<name>`` out of a query; engines do not know it."""
    filters = parse_json(query.get("filters") or "{}", "filters")
    wanted = filters.pop("node", None)
    if wanted is None:
        return None, query
    nodes = tuple(node for node in await cluster.nodes() if node.name in wanted)
    return nodes, {**query, "filters": json.dumps(filters)}
