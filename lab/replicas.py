"""What the registry leaves on the nodes, and its removal without the registry's help."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import APIError, DockerException, NotFound

from lab.node_engines import node_engine
from lab.topology import MANAGER, Machine, Topology
from lab.waiting import wait_until

_PREFIX = "dtr-"
_OVERLAY = "dtr-ol"
_DATABASE_COMMAND = ("etcdctl", "--command-timeout", "5s", "--endpoints", "http://127.0.0.1:28015")


def destroy_replicas(topology: Topology, nodes: Iterable[Machine]) -> dict[str, list[str]]:
    """Leave no container and no volume of the registry on the nodes; return what was removed, by node."""
    nodes = tuple(nodes)
    with ThreadPoolExecutor(max_workers=8) as pool:
        removed = pool.map(lambda node: _destroy_on(topology, node), nodes)
        return {node.name: names for node, names in zip(nodes, removed, strict=True)}


def remove_overlay(topology: Topology) -> None:
    """Leave no overlay network of the registry in the swarm."""
    with node_engine(topology, MANAGER) as manager:
        wait_until(
            lambda: _why_overlay_stays(manager),
            f"network {_OVERLAY}",
            f"remove it on {MANAGER.name} by hand",
            seconds=30,
        )


def switch(topology: Topology, verb: str, name: str, *value: str) -> bool:
    """Set (`put`) or take away (`del`) a switch of the registry's stand-in; return whether a replica took it."""
    return ask_database(topology, verb, f"/faults/{name}", *value)


def ask_database(topology: Topology, *command: str) -> bool:
    """Give the command to the database of the first replica that takes it; return whether one did."""
    return any(_switch_on(topology, node, command) for node in topology.registry_nodes)


def _switch_on(topology: Topology, node: Machine, command: tuple[str, ...]) -> bool:
    """Give the command to the database of a replica on the node, if one is there and takes it."""
    try:
        with node_engine(topology, node, timeout=10) as engine:
            databases = engine.containers.list(filters={"name": "^/dtr-rethinkdb-"})
            return any(
                database.exec_run([*_DATABASE_COMMAND, *command]).exit_code == 0 for database in databases
            )
    except (DockerException, OSError):
        return False


def _destroy_on(topology: Topology, node: Machine) -> list[str]:
    """Leave nothing of the registry on one node."""
    with node_engine(topology, node) as engine:
        containers = [c for c in engine.containers.list(all=True) if str(c.name).startswith(_PREFIX)]
        for container in containers:
            container.remove(force=True)
        volumes = [v for v in engine.volumes.list() if str(v.id).startswith(_PREFIX)]
        for volume in volumes:
            volume.remove(force=True)
        return [*(str(c.name) for c in containers), *(str(v.id) for v in volumes)]


def _why_overlay_stays(manager: docker.DockerClient) -> str | None:
    """Remove the network; return why that did not work, None if it is gone."""
    try:
        manager.networks.get(_OVERLAY).remove()
    except NotFound:
        return None
    except APIError as error:
        return str(error.explanation)
    return "it is still listed"
