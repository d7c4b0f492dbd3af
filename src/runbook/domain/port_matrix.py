"""Which TCP ports the machines of a cluster must reach of each other: the vendor's table as data.

Ports that serve their own host alone are left out, and so are UDP 4789 and 7946 and the protocols 4 and 50: a
connect cannot tell whether they pass. The table says `internal` and names no direction; where one side alone can
be the caller, the ground says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runbook.domain.topology import NodeRole, NodeSpec

MANAGERS = frozenset({NodeRole.MANAGER})
ALL = frozenset({NodeRole.MANAGER, NodeRole.REGISTRY})
_TABLE = "vendor's table of ports, between nodes"
_PEERS = "the same; inferred: managers alone form this group"


@dataclass(frozen=True)
class PortRule:
    """A port on the nodes of some roles that nodes of other roles call; `vital` ones a registry cannot do without."""

    port: int
    purpose: str
    on: frozenset[NodeRole]
    called_by: frozenset[NodeRole]
    ground: str
    vital: bool = False


RULES = (
    PortRule(2377, "swarm control", MANAGERS, ALL, _TABLE, vital=True),
    PortRule(7946, "gossip", ALL, ALL, _TABLE, vital=True),
    PortRule(
        12376, "engine proxy", ALL, MANAGERS, "the same; inferred: the control plane calls it", vital=True
    ),
    PortRule(2376, "classic swarm", MANAGERS, MANAGERS, _PEERS),
    PortRule(6443, "Kubernetes API", MANAGERS, ALL, _TABLE),
    PortRule(179, "Calico", ALL, ALL, _TABLE),
    PortRule(10250, "kubelet", ALL, MANAGERS, "the same; inferred: the Kubernetes API calls it"),
    PortRule(12379, "etcd", MANAGERS, ALL, "the same; every node has a proxy to it on its own port 12378"),
    PortRule(12380, "etcd peers", MANAGERS, MANAGERS, _PEERS),
    PortRule(12381, "cluster CA", MANAGERS, ALL, _TABLE),
    PortRule(12382, "client CA", MANAGERS, ALL, _TABLE),
    PortRule(12383, "auth store", MANAGERS, MANAGERS, _PEERS),
    PortRule(12384, "auth store replication", MANAGERS, MANAGERS, _PEERS),
    PortRule(12385, "auth API", MANAGERS, ALL, _TABLE),
    PortRule(12386, "auth worker", MANAGERS, MANAGERS, _PEERS),
    PortRule(12388, "Kubernetes API, internal", MANAGERS, ALL, _TABLE),
)


@dataclass(frozen=True)
class Path:
    """A way from one machine to a port of another, which is open where it should be."""

    source: str
    target: str
    address: str
    port: int
    purpose: str
    vital: bool = True

    @property
    def where_to(self) -> str:
        """The port with its purpose."""
        return f"{self.port}/tcp ({self.purpose})"


@dataclass(frozen=True)
class Service:
    """What stands apart from the nodes, and they must reach: storage, control plane."""

    name: str
    address: str
    port: int
    purpose: str


@dataclass(frozen=True)
class Tried:
    """A path that was tried from its source; `why_not` is None where its other end answered, even by refusing."""

    path: Path
    why_not: str | None = None


FILTERED = "filtered"
"""Nothing came back: neither a connection nor a refusal."""


def paths_between(nodes: Sequence[NodeSpec], *, replica_port: int) -> Iterator[Path]:
    """Yield every path between the nodes that the table asks for, and that of managers to each replica's port."""
    replicas = PortRule(
        replica_port, "registry", frozenset({NodeRole.REGISTRY}), MANAGERS, _TABLE, vital=True
    )
    for rule in (*RULES, replicas):
        for source in nodes:
            for target in nodes:
                if source.role in rule.called_by and target.role in rule.on and source.name != target.name:
                    yield Path(source.name, target.name, target.address, rule.port, rule.purpose, rule.vital)


def paths_to(service: Service, sources: Sequence[NodeSpec]) -> Iterator[Path]:
    """Yield the path to the service from each of the machines."""
    for source in sources:
        yield Path(source.name, service.name, service.address, service.port, service.purpose)


def paths_of_balancer(name: str, nodes: Sequence[NodeSpec], *, https: int, http: int) -> Iterator[Path]:
    """Yield the paths from the load balancer to each registry node; no image needs the one over HTTP."""
    for node in nodes:
        if node.role is NodeRole.REGISTRY:
            yield Path(name, node.name, node.address, https, "registry")
            yield Path(name, node.name, node.address, http, "registry over HTTP", vital=False)
