"""Real faults, and their end: ``runbook lab break FAULT [NODE]`` and ``runbook lab heal FAULT [NODE]``."""

from collections.abc import Callable
from dataclasses import dataclass

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from lab import control_plane, control_plane_settings, filters, licence, replicas, storage
from lab.machines import find_machine, wake
from lab.mesh import wait_for_mesh
from lab.node_engines import node_engine, wait_for_engine
from lab.progress import say
from lab.swarm import wait_for_member
from lab.topology import (
    BALANCER,
    FURTHER_NODES,
    MACHINES,
    MANAGER,
    REGISTRY_NODES,
    STORAGE,
    Machine,
    Topology,
    machine_named,
)
from runbook.domain.errors import InvalidConfigError, RefusedError

_STOP_SECONDS = 10
_END_HAPROXY = """
pkill -x haproxy
tries=0
while pgrep -x haproxy >/dev/null; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || exit 1; sleep 0.1
done
rm -f /run/haproxy.pid
"""
"""Debian's own script cannot look into a process of another user here: it stops nothing, and starts a second one."""


@dataclass(frozen=True)
class Lab:
    """A lab and the engine it runs on."""

    client: docker.DockerClient
    topology: Topology

    def container(self, machine: Machine) -> Container:
        """Return the container that plays the machine."""
        found = find_machine(self.client, self.topology, machine)
        if found is None:
            raise RefusedError(machine.name, "the lab does not run", "run: runbook lab up")
        return found

    def run(self, machine: Machine, *command: str) -> None:
        """Run a command on the machine that must end well."""
        try:
            status, output = self.container(machine).exec_run(list(command))
        except APIError as error:
            raise RefusedError(machine.name, str(error.explanation), "run: runbook lab up") from error
        if status:
            words = output.decode(errors="replace").strip() if isinstance(output, bytes) else ""
            raise RefusedError(
                machine.name, f"{' '.join(command)} ended with {status}: {words}", "run: runbook lab up"
            )


Act = Callable[..., None]  # of the lab and the machines; of the ports too where a fault has ports


@dataclass(frozen=True)
class Fault:
    """Something that can go wrong, and how it ends. Without `heal`, a runbook is what heals it."""

    summary: str
    strike: Act
    heal: Act | None
    default: tuple[Machine, ...] = ()
    allowed: tuple[Machine, ...] = ()
    has_ports: bool = False


def strike(lab: Lab, name: str, what: tuple[str, ...]) -> None:
    """Make the fault happen."""
    ports = tuple(word for word in what if word.isdigit())
    chosen = choose(name, tuple(word for word in what if word not in ports), lab.topology.machines)
    if bool(ports) is not FAULTS[name].has_ports:
        raise InvalidConfigError(
            name,
            f"{' '.join(ports) or 'no port'} given",
            "name a port where the fault has one, and only there",
        )
    FAULTS[name].strike(lab, chosen, *map(int, ports))
    say(f"{name}: {' '.join((_names(chosen), *ports))}")


def heal(lab: Lab, name: str, what: tuple[str, ...]) -> None:
    """End the fault, at all ports of a machine, and return when what it hit works again."""
    nodes = tuple(word for word in what if not word.isdigit())
    chosen = choose(name, nodes, lab.topology.machines)
    mend = FAULTS[name].heal
    if mend is None:
        raise RefusedError(
            name, "nothing but a runbook heals it", "restore the registry, or: runbook lab reset"
        )
    mend(lab, chosen)
    say(f"{name}: healed, {_names(chosen)}")


def heal_all(lab: Lab) -> None:
    """End every fault that can be ended from here."""
    for fault in FAULTS.values():
        if fault.heal is not None:
            fault.heal(lab, _of(fault.allowed, lab.topology.machines))


def choose(
    name: str, nodes: tuple[str, ...], machines: tuple[Machine, ...] = MACHINES
) -> tuple[Machine, ...]:
    """Return which of the lab's machines the fault is meant to hit."""
    if name not in FAULTS:
        raise InvalidConfigError(name, "there is no such fault", f"choose one of {', '.join(FAULTS)}")
    fault = FAULTS[name]
    allowed = _of(fault.allowed, machines)
    chosen = tuple(machine for node in nodes if (machine := machine_named(node)) in allowed and machine)
    if len(chosen) < len(nodes) or not (chosen or fault.default):
        raise InvalidConfigError(
            name, f"{' '.join(nodes) or 'no node'} given", f"name one or more of {_names(allowed)}"
        )
    return chosen or _of(fault.default, machines)


def _of(some: tuple[Machine, ...], machines: tuple[Machine, ...]) -> tuple[Machine, ...]:
    """Return those that the lab has."""
    return tuple(machine for machine in some if machine in machines)


def _names(machines: tuple[Machine, ...]) -> str:
    return ", ".join(machine.name for machine in machines)


def _power_off(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        lab.container(node).stop(timeout=_STOP_SECONDS)


def _pause(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        if (container := lab.container(node)).status != "paused":
            container.pause()


def _wake(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        wake(lab.container(node))
    _wait_for_nodes(lab, nodes)


def _stop_engine(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        lab.run(node, "lab-engine", "stop")


def _start_engine(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        lab.run(node, "lab-engine", "start")
    _wait_for_nodes(lab, nodes)


def _wait_for_nodes(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    """Return once the engines answer and the manager sees the nodes as ready."""
    for node in nodes:
        wait_for_engine(lab.topology, node)
    # a manager that was away looks for its nodes anew
    for node in lab.topology.nodes if MANAGER in nodes else nodes:
        wait_for_member(lab.topology, node)
    wait_for_mesh(lab.client, lab.topology, nodes if MANAGER in nodes else (MANAGER, *nodes))
    if MANAGER in nodes:
        control_plane.wait_for_control_plane(lab.topology)


def _empty_storage(lab: Lab, _: tuple[Machine, ...]) -> None:
    removed = storage.empty_bucket(lab.topology, storage.STORAGE_BUCKET)
    say(f"bucket {storage.STORAGE_BUCKET}: {removed} objects removed")


def _stop_balancer(lab: Lab, _: tuple[Machine, ...]) -> None:
    lab.run(BALANCER, "sh", "-c", _END_HAPROXY)


def _start_balancer(lab: Lab, _: tuple[Machine, ...]) -> None:
    lab.run(BALANCER, "sh", "-c", "pgrep -x haproxy >/dev/null || service haproxy start")


def _stop_control_plane(lab: Lab, _: tuple[Machine, ...]) -> None:
    with node_engine(lab.topology, MANAGER) as engine:
        try:
            engine.containers.get(control_plane.CONTAINER).stop(timeout=_STOP_SECONDS)
        except NotFound as error:
            raise RefusedError("control plane", "it is not there", "run: runbook lab up") from error


def _start_control_plane(lab: Lab, _: tuple[Machine, ...]) -> None:
    control_plane.ensure_control_plane(lab.topology)


def _destroy_replicas(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node, names in replicas.destroy_replicas(lab.topology, nodes).items():
        say(f"{node}: {len(names)} containers and volumes of the registry removed")


def _filter(lab: Lab, nodes: tuple[Machine, ...], *ports: int) -> None:
    for node in nodes:
        others = [lab.topology.address(other) for other in lab.topology.nodes if other != node]
        for port in ports:
            lab.run(node, "sh", "-c", filters.drop(port, others))


def _unfilter(lab: Lab, nodes: tuple[Machine, ...]) -> None:
    for node in nodes:
        lab.run(node, "sh", "-c", filters.DROP_NOTHING)


def _switch(name: str, summary: str) -> Fault:
    """Return a fault that a switch of the registry's stand-in makes."""

    def put(lab: Lab, _: tuple[Machine, ...]) -> None:
        if not replicas.switch(lab.topology, "put", name, "1"):
            raise RefusedError("registry", "no replica's database takes the switch", "run: runbook install")

    def take_away(lab: Lab, _: tuple[Machine, ...]) -> None:
        replicas.switch(lab.topology, "del", name)  # a registry that is gone took it along

    return Fault(summary, put, take_away, default=_REGISTRY, allowed=_REGISTRY)


_REGISTRY = (*REGISTRY_NODES, *FURTHER_NODES)
_NODES = (MANAGER, *_REGISTRY)
FAULTS = {
    "node-off": Fault("shut nodes down", _power_off, _wake, allowed=_NODES),
    "node-paused": Fault("stop the clock of nodes", _pause, _wake, allowed=_NODES),
    "engine-stopped": Fault("stop the engine of nodes", _stop_engine, _start_engine, allowed=_NODES),
    "control-plane-down": Fault(
        "stop UCP", _stop_control_plane, _start_control_plane, default=(MANAGER,), allowed=(MANAGER,)
    ),
    "balancer-stopped": Fault(
        "stop HAProxy", _stop_balancer, _start_balancer, default=(BALANCER,), allowed=(BALANCER,)
    ),
    "bucket-emptied": Fault(
        "delete every object of the storage bucket",
        _empty_storage,
        None,
        default=(STORAGE,),
        allowed=(STORAGE,),
    ),
    "replicas-destroyed": Fault(
        "delete every container and volume of the registry",
        _destroy_replicas,
        None,
        default=_REGISTRY,
        allowed=_REGISTRY,
    ),
    "backup-truncated": _switch(
        "backup-truncated", "let the bootstrapper's backup stop halfway and end with 0"
    ),
    "control-plane-backup-truncated": Fault(
        "let the control plane's backup stop halfway and end with 0",
        lambda lab, _: control_plane.truncate_backups(lab.topology, on=True),
        lambda lab, _: control_plane.truncate_backups(lab.topology, on=False),
        default=(MANAGER,),
        allowed=(MANAGER,),
    ),
    "gc-endless": _switch("gc-endless", "let garbage collection that begins run on and on"),
    "filtered": Fault(
        "drop what other nodes send to a port of nodes", _filter, _unfilter, allowed=_NODES, has_ports=True
    ),
    "scheduling-off": Fault(
        "forbid administrators containers on managers and on nodes of the registry",
        lambda lab, _: control_plane_settings.allow_scheduling(lab.topology, on=False),
        lambda lab, _: control_plane_settings.allow_scheduling(lab.topology, on=True),
        default=(MANAGER,),
        allowed=(MANAGER,),
    ),
    "no-licence": Fault(
        "take the licence from the control plane and the registry",
        lambda lab, _: licence.take_away(lab.topology),
        lambda lab, _: licence.give(lab.topology),
        default=(MANAGER,),
        allowed=(MANAGER,),
    ),
}
