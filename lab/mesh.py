"""Whether the nodes' overlay networks know each other; the swarm's own "ready" says nothing about it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError

from lab.machines import find_machine
from lab.topology import MANAGER, Machine, Topology
from lab.waiting import wait_until


def wait_for_mesh(
    client: docker.DockerClient, topology: Topology, nodes: Iterable[Machine] | None = None
) -> None:
    """Return once each of the nodes (of all, where none is named) knows all of them."""
    nodes = tuple(nodes or topology.nodes)

    def wait_for(node: Machine) -> None:
        wait_until(
            lambda: _why_not_meshed(client, topology, node, nodes),
            node.name,
            f"read /var/log/engine.log in container {topology.container(node)}",
            seconds=60,
        )

    with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
        list(pool.map(wait_for, nodes))


def _why_not_meshed(
    client: docker.DockerClient, topology: Topology, node: Machine, nodes: tuple[Machine, ...]
) -> str | None:
    """Return which nodes this one's overlay networks do not know, None if they know all."""
    container = find_machine(client, topology, node)
    if container is None:
        return "it is not there"
    try:
        status, output = container.exec_run(["lab-engine", "peers", topology.address(MANAGER)])
    except APIError as error:
        return str(error.explanation)
    if status or not isinstance(output, bytes):
        return "its overlay networks do not say whom they know"
    known = output.decode().split()
    missing = [other.name for other in nodes if topology.address(other) not in known]
    return f"its overlay networks do not know {', '.join(missing)}" if missing else None
