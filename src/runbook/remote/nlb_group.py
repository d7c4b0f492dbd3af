"""A target group of AWS: which replica is which target in it, and how connections reach them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from runbook.domain.commands import ReplicaPorts
from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.domain.load_balancer import Backend, Setup
from runbook.remote.nlb_api import Document, ElbApi, Target

logger = logging.getLogger(__name__)

IDLE = "tcp.idle_timeout.seconds"
KEEPS_CLIENTS = "preserve_client_ip.enabled"
_DELAY = "deregistration_delay.timeout_seconds"
_LEAVING = "draining"
Place = tuple[str, int]


@dataclass(frozen=True)
class Nodes:
    """Every registry node's address, its instance where it is known, and the ports of all replicas."""

    addresses: Mapping[str, str]
    instances: Mapping[str, str]
    ports: ReplicaPorts = ReplicaPorts()


class TargetGroup:
    """The targets of one port; `plain` is the one of port 80, whose targets are probed by HTTPS all the same."""

    def __init__(self, api: ElbApi, where: str, arn: str, nodes: Nodes, *, plain: bool = False) -> None:
        self._api = api
        self._where = where
        self._arn = arn
        self._nodes = nodes
        self._plain = plain

    @cached_property
    def document(self) -> Document:
        """The target group as AWS describes it."""
        return self._api.group(self._arn)

    @property
    def attributes(self) -> dict[str, str]:
        """Its attributes."""
        return self._api.group_attributes(self._arn)

    @property
    def keeps_clients(self) -> bool:
        """Whether replicas see the clients' own addresses."""
        return self.attributes.get(KEEPS_CLIENTS) == "true"

    @property
    def deregistration_delay(self) -> float:
        """Seconds that open connections have once their target is deregistered."""
        return float(self.attributes.get(_DELAY, "300"))

    def members(self) -> dict[str, Target]:
        """Return who is in it and not leaving, by the nodes' names; a target that is no replica by its place."""
        names = {(identifier, self._port): name for name, identifier in self._identifiers().items()}
        return {names.get(place := (t.identifier, t.port), _text([place])): t for t in self._there()}

    def why_not_ours(self) -> ForeignFileError | None:
        """Say which targets are no registry node of the cluster file: the group may be another service's."""
        ours = set(self._identifiers().values())
        others = [(t.identifier, t.port) for t in self._there() if t.identifier not in ours]
        if not others:
            return None
        return ForeignFileError(
            self._where,
            f"{_text(others)} in {self._arn} is no registry node of the cluster file",
            "correct the target group's ARN, or the nodes; where the group is the registry's alone and these shall"
            " go, set `take_over: true` in load_balancer.aws_nlb",
        )

    def add(self, pool: Sequence[Backend]) -> list[Place]:
        """Register who is missing, and return them."""
        there = self.members()
        missing = [self.place_of(backend) for backend in pool if backend.name not in there]
        if missing:
            self._api.register(self._arn, missing)
            logger.info("%s: registered %s", self._where, _text(missing))
        return missing

    def keep_only(self, pool: Sequence[Backend]) -> None:
        """Deregister everybody else."""
        names = {backend.name for backend in pool}
        self.remove([(t.identifier, t.port) for name, t in self.members().items() if name not in names])

    def remove(self, places: Sequence[Place]) -> None:
        """Deregister these targets."""
        if places:
            self._api.deregister(self._arn, places)
            logger.info("%s: deregistered %s", self._where, _text(places))

    def why_not_gone(self, backend: Backend) -> str | None:
        """Say what the target still is to the load balancer: AWS lists it until its delay has passed."""
        identifier, port = self.place_of(backend)
        states = [
            t.state for t in self._api.targets(self._arn) if (t.identifier, t.port) == (identifier, port)
        ]
        return f"{backend.name} is {states[0]}" if states else None

    def place_of(self, backend: Backend) -> Place:
        """Return the target that the replica is."""
        identifier = self._identifier(backend.name)
        if not identifier:
            what = f"{backend.name} is none of its instances, and {self._arn} is a target group of instances"
            next_step = f"name the instance of {backend.name} in load_balancer.aws_nlb.instances"
            raise RefusedError(self._where, what, next_step)
        return identifier, self._port

    def setups(self, pool: Sequence[Backend]) -> Iterator[Setup]:
        """Yield how each listener passes connections to it."""
        for listener in self.listeners():
            attributes = listener["Attributes"]
            yield Setup(
                listener["Port"],
                listener["Protocol"] == self.document["Protocol"] == "TCP",
                None if self._plain else self._probe({backend.https_port for backend in pool}),
                float(attributes[IDLE]) if IDLE in attributes else None,
            )

    def listeners(self) -> list[Document]:
        """Return its listeners with their attributes."""
        return [
            {**listener, "Attributes": self._api.listener_attributes(listener["ListenerArn"])}
            for listener in self._api.listeners(self.document)
        ]

    @property
    def _port(self) -> int:
        """The port of every replica that this group leads to."""
        http, https = self._nodes.ports.both
        return http if self._plain else https

    def _there(self) -> list[Target]:
        return [target for target in self._api.targets(self._arn) if target.state != _LEAVING]

    def _identifiers(self) -> dict[str, str]:
        """Return what AWS calls each node, where it is known."""
        return {name: found for name in self._nodes.addresses if (found := self._identifier(name))}

    def _probe(self, ports: set[int]) -> str:
        """Return how targets are probed; a port is named where it is not the replicas'."""
        group = self.document
        if group["HealthCheckProtocol"] not in {"HTTP", "HTTPS"}:
            return "a connection alone"
        asked, port = (
            f"{group['HealthCheckProtocol']} {group.get('HealthCheckPath', '')}",
            group["HealthCheckPort"],
        )
        theirs = port == "traffic-port" or not ports or ports == {int(port)}
        return asked if theirs else f"{asked} on port {port}"

    def _identifier(self, name: str) -> str | None:
        if self.document["TargetType"] == "instance":
            return self._nodes.instances.get(name)
        return self._nodes.addresses.get(name)


def _text(places: Sequence[Place]) -> str:
    return ", ".join(f"{identifier}:{port}" for identifier, port in places)
