"""What the replicas know of one another: not part of any backup."""

import json
from dataclasses import asdict, dataclass

from registry.etcd import Etcd

_REPLICAS = "/cluster/replicas/"
_APPLIED = "/cluster/applied/"


@dataclass(frozen=True)
class Replica:
    """A replica of the cluster and where it runs."""

    id: str
    node: str
    http_port: int
    https_port: int


async def register(database: Etcd, replica: Replica) -> None:
    """Leave the replica known to the cluster."""
    await database.put(_REPLICAS + replica.id, json.dumps(asdict(replica)))


async def replicas(database: Etcd) -> list[Replica]:
    """Return the replicas that the cluster knows, live or not."""
    return [Replica(**json.loads(row.value)) async for row in database.rows(_REPLICAS)]


async def forget(database: Etcd, replica: str) -> None:
    """Leave the cluster without knowledge of one replica."""
    await database.delete(_APPLIED + replica)
    await database.delete(_REPLICAS + replica)


async def forget_all(database: Etcd) -> None:
    """Leave no replica known: what a new cluster begins with."""
    await database.delete_below(_REPLICAS)
    await database.delete_below(_APPLIED)


async def mark_applied(database: Etcd, replica: str, digest: str) -> None:
    """Record which storage settings a replica's registry runs with."""
    await database.put(_APPLIED + replica, digest)


async def applied(database: Etcd) -> dict[str, str]:
    """Return the storage settings that each replica's registry runs with."""
    return {row.key.removeprefix(_APPLIED): row.value.decode() async for row in database.rows(_APPLIED)}
