"""What was seen on one node, and whether a registry can rely on it."""

from dataclasses import dataclass

from runbook.domain.errors import RefusedError
from runbook.domain.findings import Finding, Level, ok

MAX_CLOCK_SKEW = 5.0
"""Seconds. Tokens, certificates and retention all compare clocks of different machines."""
MIN_FREE = 2 * 1024**3
"""Bytes free for the engine; a replica's containers and a join's copy need more than nothing."""


@dataclass(frozen=True)
class NodeFacts:
    """One node as its own tools describe it."""

    engine_version: str
    swarm_name: str  # hostname as `docker node ls` shows it
    clock_skew: float  # seconds, positive when the node is ahead
    free_bytes: int  # in the engine's data directory
    image_present: bool
    workloads: tuple[str, ...]  # containers that belong to neither registry, control plane nor swarm


def judge_node(name: str, facts: NodeFacts, *, image: str, dedicated: bool) -> tuple[Finding, ...]:
    """Return the findings for one node; `dedicated` nodes must run no user workload (vendor's rule)."""
    found = [
        _name(name, facts),
        _clock(name, facts),
        _disk(name, facts),
        _image(name, facts, image),
        _workload(name, facts) if dedicated else None,
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


def _image(name: str, facts: NodeFacts, image: str) -> Finding | None:
    if facts.image_present:
        return None
    return Finding(Level.WARNING, name, f"{image} is not there and must be pulled", f"docker pull {image}")


def _workload(name: str, facts: NodeFacts) -> Finding | None:
    if not facts.workloads:
        return None
    return Finding(
        Level.WARNING,
        name,
        f"user workload on a registry node: {', '.join(facts.workloads)}",
        "move it; registry nodes are dedicated",
    )
