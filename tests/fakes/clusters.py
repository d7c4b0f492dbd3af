"""Registries at one moment, as the domain sees them."""

from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.topology import NodeRole, NodeSpec

IDS = ("aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee")


def registry_nodes(count: int) -> tuple[NodeSpec, ...]:
    return tuple(NodeSpec(f"dtr{n}", f"198.18.0.{10 + n}", NodeRole.REGISTRY) for n in range(1, count + 1))


def alive(number: int) -> Replica:
    return Replica(
        IDS[number - 1],
        f"dtr{number}",
        "2.9.29",
        dict.fromkeys(SERVICES, "running"),
        (f"dtr-rethink-{IDS[number - 1]}",),
        None,
    )


def dead(number: int, *, volumes: bool = True, services: bool = True) -> Replica:
    replica_id = IDS[number - 1]
    return Replica(
        replica_id,
        f"dtr{number}",
        "2.9.29",
        dict.fromkeys(SERVICES, "exited") if services else {},
        (f"dtr-rethink-{replica_id}",) if volumes else (),
        "not running: rethinkdb",
    )


def cluster(*replicas: Replica, configured: int = 0, unreachable: tuple[str, ...] = ()) -> ClusterSeen:
    return ClusterSeen(replicas, unreachable, IDS[:configured])
