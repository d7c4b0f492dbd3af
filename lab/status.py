"""What of the lab works: observed, never remembered."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from docker.errors import DockerException
from docker.models.containers import Container
from rich.table import Table

from lab import control_plane, prefect_services, storage
from lab.faults import Lab
from lab.machines import find_machine
from lab.node_engines import node_engine, why_engine_not_ready
from lab.state import read_state
from lab.swarm import why_node_not_ready
from lab.topology import BALANCER, STORAGE, Machine

READY = "ready"


@dataclass(frozen=True)
class Part:
    """One part of the lab: where it is and why it is not ready, if so."""

    name: str
    role: str
    address: str
    state: str
    replicas: str = ""


@dataclass(frozen=True)
class Status:
    """The lab as it is now."""

    prefix: str
    subnet: str | None
    parts: tuple[Part, ...]

    @property
    def ready(self) -> bool:
        """Whether everything works."""
        return bool(self.parts) and all(part.state == READY for part in self.parts)

    def as_data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {**asdict(self), "ready": self.ready}

    def as_table(self) -> Table:
        """Return it as a table for a person."""
        table = Table(title=f"lab {self.prefix} ({self.subnet or 'not up'})")
        for column in ("part", "role", "address", "state", "replica"):
            table.add_column(column)
        for part in self.parts:
            table.add_row(part.name, part.role, part.address, part.state, part.replicas)
        return table


def observe(lab: Lab) -> Status:
    """Return the state of every machine and service of the lab."""
    with ThreadPoolExecutor(max_workers=len(lab.topology.machines)) as pool:
        machines = tuple(pool.map(lambda machine: _observe_machine(lab, machine), lab.topology.machines))
    return Status(lab.topology.prefix, lab.topology.subnet, (*machines, *_services(lab)))


def _observe_machine(lab: Lab, machine: Machine) -> Part:
    address = lab.topology.address(machine)
    container = find_machine(lab.client, lab.topology, machine)
    state = "missing" if container is None else container.status
    if state != "running":
        return Part(machine.name, str(machine.role), address, state)
    why_not = _why_machine_not_ready(lab, machine)
    seen = _replicas_on(lab, machine) if machine.has_engine and why_not is None else ""
    return Part(machine.name, str(machine.role), address, why_not or READY, seen)


def _why_machine_not_ready(lab: Lab, machine: Machine) -> str | None:
    if machine.has_engine:
        return why_engine_not_ready(lab.topology, machine) or why_node_not_ready(lab.topology, machine)
    if machine is STORAGE:
        return storage.why_storage_not_ready(lab.topology)
    if machine is BALANCER and lab.container(machine).exec_run(["service", "haproxy", "status"])[0]:
        return "HAProxy does not run"
    return None


def _replicas_on(lab: Lab, node: Machine) -> str:
    """Return id and version of the replicas whose containers lie on the node."""
    try:
        with node_engine(lab.topology, node) as engine:
            containers = engine.containers.list(all=True, filters={"name": "^/dtr-rethinkdb-"})
    except DockerException:
        return ""
    return ", ".join(sorted(_id_and_version(container) for container in containers))


def _id_and_version(database: Container) -> str:
    _, _, version = str(database.attrs["Config"]["Image"]).partition(":")
    return f"{str(database.name)[-12:]} {version}"


def _services(lab: Lab) -> tuple[Part, ...]:
    """Return the state of what runs on the machines or beside them."""
    ui = prefect_services.ui_url() if read_state().prefect_port else ""
    checks: tuple[tuple[str, str, str, Callable[[], str | None]], ...] = (
        (
            "control plane",
            "UCP",
            lab.topology.control_plane_url,
            lambda: control_plane.why_control_plane_not_ready(lab.topology),
        ),
        ("prefect server", "UI", ui, prefect_services.why_server_not_ready),
        ("prefect worker", "pool", prefect_services.POOL, prefect_services.why_worker_not_ready),
    )
    return tuple(Part(name, role, where, why_not() or READY) for name, role, where, why_not in checks)
