"""Phase 1's choice and check of the node that a new replica goes to."""

import asyncio
import secrets
from typing import Any

from registry import names
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.seen import SeenReplica, replicas_in
from registry.bootstrapper.ucp import Container, Node, Ucp, UcpError

_MANAGER_PAUSE = 10.0  # the vendor's program gives the operator this long to stop it
HTTP_PORT, HTTPS_PORT = 80, 443


def ports_of(options: Options) -> list[int]:
    """Return the ports that the replica will publish."""
    return [options["replica_http_port"] or HTTP_PORT, options["replica_https_port"] or HTTPS_PORT]


async def choose(ucp: Ucp, console: Console, options: Options) -> Node:
    """Return the node for a new replica: it exists, holds no replica, and its ports are free."""
    nodes, containers = await ucp.nodes(), await ucp.containers()
    ports = ports_of(options)
    free = [node for node in nodes if node.is_ready and not _conflicts(node.name, containers, ports)]
    node = _pick(console, nodes, free, options["ucp_node"])
    console.info("Searching containers in UCP for DTR replicas")
    _one_replica_per_node(node, replicas_in(containers))
    await probe(ucp, console, node, ports)
    if node.is_manager:
        await _warn_of_manager(console, node)
    return node


def _pick(console: Console, nodes: list[Node], free: list[Node], wanted: str | None) -> Node:
    listed = ", ".join(node.name for node in free)
    console.info(f"The UCP cluster contains the following nodes without port conflicts: {listed}")
    if wanted:
        known = [node for node in nodes if node.name == wanted]
        if not known:
            raise FatalError(
                f"Problem running container '{names.PHASE2}': Unable to find a node that satisfies the "
                f"following conditions [node=={wanted}]; the UCP cluster has the nodes "
                f"{', '.join(node.name for node in nodes)}"
            )
        return known[0]
    workers = [node for node in free if not node.is_manager]
    if not free:
        raise FatalError(
            "Make sure that there is a node in your UCP cluster where port 80 and port 443 are open"
        )
    if len(free) == 1:
        console.info(f"Only one available UCP node detected. Picking UCP node '{free[0].name}'")
    return secrets.choice(workers or free)


def _conflicts(node: str, containers: list[Container], ports: list[int]) -> bool:
    return any(each.node == node and each.ports & set(ports) for each in containers)


def _one_replica_per_node(node: Node, replicas: list[SeenReplica]) -> None:
    there = [replica.id for replica in replicas if node.name in replica.nodes]
    if there:
        raise FatalError(f"Node {node.name} already has the DTR replica {there[0]}; a node can have one")


async def probe(ucp: Ucp, console: Console, node: Node, ports: list[int]) -> None:
    """Publish the ports on the node for a moment: the only test that sees every program there."""
    console.info(f"verifying {_shown(ports)} ports on {node.name}")
    config = _probe_config(ports)
    container = await ucp.create_container(f"{names.PORT_CHECK}-{secrets.token_hex(4)}", node.name, config)
    try:
        await ucp.start(container)
    except UcpError as exc:
        raise FatalError(
            f"Port conflict on node {node.name}, {_shown(ports)} must be free: {exc.message}"
        ) from exc
    finally:
        await ucp.remove(container)


def _probe_config(ports: list[int]) -> dict[str, Any]:
    return {
        "Image": names.bootstrapper_image(),
        "Entrypoint": ["sleep", "60"],
        "ExposedPorts": {f"{port}/tcp": {} for port in ports},
        "HostConfig": {"PortBindings": {f"{port}/tcp": [{"HostPort": str(port)}] for port in ports}},
    }


def _shown(ports: list[int]) -> str:
    return f"[{' '.join(str(port) for port in ports)}]"


async def _warn_of_manager(console: Console, node: Node) -> None:
    console.warn(
        f"Node: {node.name} is a manager, it is **not** recommended for DTR to reside on a UCP manager node"
    )
    console.warn(f"Installation will continue in {_MANAGER_PAUSE:.0f} seconds...")
    await asyncio.sleep(_MANAGER_PAUSE)
