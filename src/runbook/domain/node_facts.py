"""What was seen on one node, and whether a registry can rely on it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.taken_ports import NEXT, why_taken

MAX_CLOCK_SKEW = 5.0
"""Seconds. Tokens, certificates and retention all compare clocks of different machines."""
MIN_FREE = 2 * 1024**3
"""Bytes free for the engine; a replica's containers and a join's copy need more than nothing."""
PHASE2 = "dtr-phase2"
"""The container in which the bootstrapper does its work on a node; a second run waits for its name."""
_OURS = re.compile(r"^(dtr-|ucp-|ucp$|k8s_|calico|msr-|mke-)")
_OF_A_REPLICA = re.compile(r"^dtr-[a-z-]+-(?P<id>[0-9a-f]{12})$")


@dataclass(frozen=True)
class ContainerFacts:
    """A container of a node; `version` is its label, empty where it has none."""

    name: str
    running: bool
    version: str = ""
    ports: tuple[int, ...] = ()  # of the node, on which it listens

    @property
    def replica_id(self) -> str | None:
        """The replica that it is a part of, None if it is a part of none."""
        match = _OF_A_REPLICA.match(self.name)
        return match["id"] if match else None


@dataclass(frozen=True)
class NodeFacts:
    """One node as its own tools describe it."""

    engine_version: str
    swarm_name: str  # hostname as `docker node ls` shows it
    clock_skew: float  # seconds, positive when the node is ahead
    free_bytes: int  # in the engine's data directory
    image_present: bool
    containers: tuple[ContainerFacts, ...] = ()
    listeners: Mapping[int, str] = field(default_factory=dict)  # port -> program, empty where it is not known
    image_version: str = ""  # the image's own label
    address: str = ""  # at which the other nodes reach it
    why_not_pullable: str | None = None  # of an image that is not there and was asked for
    storage_mounts: Mapping[str, str] = field(default_factory=dict)  # replica -> where its images are

    @property
    def workloads(self) -> tuple[str, ...]:
        """What runs and belongs to neither registry, control plane nor swarm."""
        return tuple(c.name for c in self.containers if c.running and not _OURS.match(c.name))

    @property
    def has_replica(self) -> bool:
        """Whether containers of a replica are there."""
        return any(container.replica_id for container in self.containers)


@dataclass(frozen=True)
class WantedImage:
    """The bootstrapper's image: its name, the version it must be of (empty: any), and how it gets onto a node."""

    name: str
    version: str
    bring: str


def judge_node(
    name: str, facts: NodeFacts, *, image: WantedImage, dedicated: bool, ports: Collection[int] = ()
) -> tuple[Finding, ...]:
    """Return the findings for one node; `dedicated` nodes must run no user workload (vendor's rule).

    `ports` are those that a replica needs there, none on a node that is to have none.
    """
    found = [
        _name(name, facts),
        _clock(name, facts),
        _disk(name, facts),
        _image(name, facts, image),
        _image_version(name, facts, image),
        _workload(name, facts) if dedicated else None,
        _ports(name, facts, ports),
        _versions(name, facts),
        _phase_2(name, facts),
    ]
    problems = tuple(finding for finding in found if finding)
    return problems or (ok(name, f"engine {facts.engine_version}, clock, disk, image and workload are fine"),)


def _name(name: str, facts: NodeFacts) -> Finding | None:
    if facts.swarm_name == name:
        return None
    return Finding(
        Level.BLOCKS,
        name,
        f"the machine at this address calls itself {facts.swarm_name}",
        "correct the name or the address in the cluster file; names are those of `docker node ls`",
        RefusedError,
    )


def _clock(name: str, facts: NodeFacts) -> Finding | None:
    if abs(facts.clock_skew) <= MAX_CLOCK_SKEW:
        return None
    return Finding(
        Level.WARNING, name, f"its clock is {facts.clock_skew:+.0f} s off", "synchronise it (chrony, ntpd)"
    )


def _disk(name: str, facts: NodeFacts) -> Finding | None:
    if facts.free_bytes >= MIN_FREE:
        return None
    free, wanted = facts.free_bytes / 1024**3, MIN_FREE / 1024**3
    what, next_step = f"{free:.1f} GiB are free for the engine", f"free at least {wanted:.0f} GiB"
    return Finding(Level.BLOCKS, name, what, next_step, readable=True)


def _image(name: str, facts: NodeFacts, image: WantedImage) -> Finding | None:
    if facts.image_present:
        return None
    if facts.why_not_pullable:
        what = f"{image.name} is not there and cannot be pulled: {facts.why_not_pullable}"
        return Finding(Level.WARNING, name, what, f"bring it there: {image.bring}, or docker load")
    return Finding(Level.WARNING, name, f"{image.name} is not there", image.bring)


def _image_version(name: str, facts: NodeFacts, image: WantedImage) -> Finding | None:
    if not facts.image_version or not image.version or facts.image_version == image.version:
        return None
    what = f"{image.name} is version {facts.image_version} there"
    return Finding(Level.BLOCKS, name, what, f"docker rmi {image.name}, then {image.bring}", MismatchError)


def _workload(name: str, facts: NodeFacts) -> Finding | None:
    if not facts.workloads:
        return None
    return Finding(
        Level.WARNING,
        name,
        f"user workload on a registry node: {', '.join(facts.workloads)}",
        "move it; registry nodes are dedicated",
    )


def _ports(name: str, facts: NodeFacts, ports: Collection[int]) -> Finding | None:
    """Return what holds a port that a replica would need; a node that has one holds them itself."""
    published = {port: c.name for c in facts.containers if c.running for port in c.ports}
    why = None if facts.has_replica else why_taken(ports, facts.listeners, published)
    return Finding(Level.BLOCKS, name, why, NEXT, RefusedError, readable=True) if why else None


def _versions(name: str, facts: NodeFacts) -> Finding | None:
    """Return that the containers of the node's replica are of more than one version."""
    labels = {c.name: c.version for c in facts.containers if c.replica_id and c.version}
    if len(set(labels.values())) <= 1:
        return None
    what = ", ".join(f"{container} is {version}" for container, version in sorted(labels.items()))
    next_step = "an upgrade stopped halfway: run it again, it goes on where it was"
    return Finding(Level.WARNING, name, f"the containers of its replica differ in version: {what}", next_step)


def _phase_2(name: str, facts: NodeFacts) -> Finding | None:
    found = next((c for c in facts.containers if c.name == PHASE2), None)
    if found is None:
        return None
    if found.running:
        what, next_step = f"{PHASE2} runs: a bootstrapper is at work", "wait until it has ended"
    else:
        what, next_step = f"{PHASE2} was left by a bootstrapper that died", f"docker rm {PHASE2}, on it"
    return Finding(Level.WARNING, name, what, next_step)
