"""The lab's machines as data, and the names and addresses that are this checkout's own."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LABEL = "runbook.lab"
LABEL_MACHINE = "runbook.lab.machine"
LABEL_CONTENT = "runbook.lab.content"
ENGINE_PORT = 12376
STORAGE_PORT = 9000
OCTETS = range(1, 128)  # 198.18.128.0 and up are the engine's own
REGISTRY_VERSION = "2.9.29"
OVERLAY_SUBNET = "198.19.64.0/24"
SWARM_POOL = "198.19.0.0/18"


class Role(StrEnum):
    """What a machine of the lab is for."""

    MANAGER = "manager"
    REGISTRY = "registry"
    BALANCER = "balancer"
    STORAGE = "storage"


@dataclass(frozen=True)
class Machine:
    """One container of the lab that plays a machine."""

    name: str
    host: int
    role: Role
    image: str

    @property
    def has_engine(self) -> bool:
        """Whether a Docker engine runs on it, which makes it a node of the cluster."""
        return self.role in {Role.MANAGER, Role.REGISTRY}

    @property
    def has_ssh(self) -> bool:
        """Whether an sshd runs on it."""
        return self.role is not Role.STORAGE


MANAGER = Machine("ucp1", 10, Role.MANAGER, "node")
REGISTRY_NODES = tuple(Machine(f"dtr{i}", 10 + i, Role.REGISTRY, "node") for i in (1, 2, 3, 4))
NODES = (MANAGER, *REGISTRY_NODES)
BALANCER = Machine("lb1", 40, Role.BALANCER, "balancer")
STORAGE = Machine("s3", 60, Role.STORAGE, "s3")
MACHINES = (STORAGE, *NODES, BALANCER)
FURTHER_NODES = tuple(Machine(f"dtr-node-{i}", 10 + i, Role.REGISTRY, "node") for i in range(5, 13))
"""Registry nodes that a lab has on demand; there are node names with hyphens."""
EVERY_MACHINE = (*MACHINES, *FURTHER_NODES)


@dataclass(frozen=True)
class Topology:
    """The lab of one checkout: its prefix, its part of 198.18.0.0/16, and how many further nodes it has."""

    prefix: str
    octet: int
    further: int = 0

    @property
    def registry_nodes(self) -> tuple[Machine, ...]:
        """The nodes that are for replicas."""
        return (*REGISTRY_NODES, *FURTHER_NODES[: self.further])

    @property
    def nodes(self) -> tuple[Machine, ...]:
        """Every machine with an engine, the manager first."""
        return (MANAGER, *self.registry_nodes)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Every machine of this lab."""
        return (STORAGE, *self.nodes, BALANCER)

    @property
    def subnet(self) -> str:
        """The network that all machines share."""
        return f"198.18.{self.octet}.0/24"

    @property
    def gateway(self) -> str:
        """The host's own address in that network."""
        return f"198.18.{self.octet}.1"

    def address(self, machine: Machine) -> str:
        """The machine's address, the same from the host and from every machine."""
        return f"198.18.{self.octet}.{machine.host}"

    def container(self, machine: Machine) -> str:
        """The machine's container on the host's engine."""
        return f"{self.prefix}-{machine.name}"

    @property
    def control_plane_url(self) -> str:
        """Where UCP answers."""
        return f"https://{self.address(MANAGER)}"

    @property
    def external_url(self) -> str:
        """Where the registry answers its users: the load balancer."""
        return f"https://{self.address(BALANCER)}"

    @property
    def storage_url(self) -> str:
        """Where the S3 endpoint answers."""
        return f"http://{self.address(STORAGE)}:{STORAGE_PORT}"


def prefix_of(checkout: Path) -> str:
    """Return the prefix of every name that the lab of this checkout uses."""
    return "rrl-" + hashlib.sha256(str(checkout).encode()).hexdigest()[:8]


def octets_to_try(prefix: str) -> list[int]:
    """Return every third octet a lab may have, beginning at one that follows from the prefix."""
    begin = int(prefix.removeprefix("rrl-"), 16) % len(OCTETS)
    return [OCTETS[(begin + step) % len(OCTETS)] for step in range(len(OCTETS))]


def machine_named(name: str) -> Machine | None:
    """Return the machine of that name, if a lab can have one."""
    return next((machine for machine in EVERY_MACHINE if machine.name == name), None)
