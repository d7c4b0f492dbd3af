"""One swarm of all nodes, with the first node as its manager."""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor

import docker
from docker.errors import DockerException

from lab.node_engines import node_engine, wait_for_engine
from lab.progress import say
from lab.topology import MANAGER, SWARM_POOL, Machine, Topology
from lab.waiting import wait_until


def ensure_swarm(topology: Topology, pool: Executor) -> None:
    """Leave every node an active member that the manager sees as ready, and no other member."""
    list(pool.map(lambda node: wait_for_engine(topology, node), topology.nodes))
    with node_engine(topology, MANAGER) as manager:
        token = _ensure_manager(topology, manager)
        known = _states(manager)
        joined = pool.map(lambda node: _ensure_member(topology, node, token, known), topology.registry_nodes)
        members = {str(manager.info()["Swarm"]["NodeID"]), *joined}
        for former in _states(manager).keys() - members:
            manager.api.remove_node(former, force=True)
        wait_until(
            lambda: _why_not_all_ready(manager, members),
            "swarm",
            "read /var/log/engine.log on the nodes",
            seconds=60,
        )


def why_node_not_ready(topology: Topology, node: Machine) -> str | None:
    """Return why the manager does not see the node as ready, None if it does."""
    try:
        with node_engine(topology, MANAGER, timeout=5) as manager:
            states = {
                seen.attrs["Description"]["Hostname"]: seen.attrs["Status"]["State"]
                for seen in manager.nodes.list()
            }
    except (DockerException, OSError) as error:
        return f"the manager does not answer ({type(error).__name__})"
    state = states.get(node.name, "not in the swarm")
    return None if state == "ready" else f"the swarm says it is {state}"


def wait_for_member(topology: Topology, node: Machine) -> None:
    """Return once the manager sees the node as ready."""
    wait_until(
        lambda: why_node_not_ready(topology, node),
        node.name,
        f"read /var/log/engine.log in container {topology.container(node)}",
        seconds=60,
    )


def _ensure_manager(topology: Topology, manager: docker.DockerClient) -> str:
    """Leave the manager in a swarm and return the token to join it with."""
    if manager.info()["Swarm"]["LocalNodeState"] == "inactive":
        say(f"swarm: begin on {MANAGER.name}")
        manager.swarm.init(
            advertise_addr=topology.address(MANAGER),
            listen_addr="0.0.0.0:2377",
            default_addr_pool=[SWARM_POOL],
            subnet_size=24,
        )
    manager.swarm.reload()
    return str(manager.swarm.attrs["JoinTokens"]["Worker"])


def _ensure_member(topology: Topology, node: Machine, token: str, known: Mapping[str, str]) -> str:
    """Leave the node in the manager's swarm, whatever swarm it was in, and return its id there."""
    with node_engine(topology, node) as engine:
        swarm = engine.info()["Swarm"]
        if swarm["NodeID"] in known:
            return str(swarm["NodeID"])
        if swarm["LocalNodeState"] != "inactive":
            engine.swarm.leave(force=True)
        engine.swarm.join(
            remote_addrs=[f"{topology.address(MANAGER)}:2377"],
            join_token=token,
            advertise_addr=topology.address(node),
            listen_addr="0.0.0.0:2377",
        )
        return str(engine.info()["Swarm"]["NodeID"])


def _states(manager: docker.DockerClient) -> dict[str, str]:
    """Return what the manager knows of its nodes: state by id."""
    return {str(node.id): str(node.attrs["Status"]["State"]) for node in manager.nodes.list()}


def _why_not_all_ready(manager: docker.DockerClient, members: Collection[str]) -> str | None:
    """Return how many members the manager does not see as ready, None if it sees all."""
    states = _states(manager)
    missing = [member for member in members if states.get(member) != "ready"]
    return f"{len(missing)} of {len(members)} nodes are not ready" if missing else None
