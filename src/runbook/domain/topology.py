"""Which nodes there are and how many replicas they should hold."""

from dataclasses import dataclass
from enum import StrEnum

SUPPORTED_COUNTS = (1, 3, 5, 7)


class NodeRole(StrEnum):
    """What a node is for; production rule of the vendor: registry nodes carry nothing else."""

    MANAGER = "manager"
    REGISTRY = "registry"
    BALANCER = "balancer"


@dataclass(frozen=True)
class NodeSpec:
    """One machine, as the operator wants it."""

    name: str
    address: str
    role: NodeRole


def quorum(configured: int) -> int:
    """Return how many replicas must be healthy for reads and writes: n/2 + 1 of the configured ones."""
    return configured // 2 + 1


def why_not_count(wanted: int) -> str | None:
    """Say why a cluster must not have `wanted` replicas, None if it may (contract: 1, 3, 5 or 7)."""
    if wanted in SUPPORTED_COUNTS:
        return None
    if wanted > max(SUPPORTED_COUNTS):
        return f"{wanted} replicas slow writes down; the vendor advises 3, 5 or 7"
    if wanted < 1:
        return "a cluster has at least one replica"
    return f"{wanted} is even: it tolerates no more failures than {wanted - 1}; choose 3, 5 or 7"
