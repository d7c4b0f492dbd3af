"""The replicas of the cluster as the containers and volumes on its nodes show them."""

from dataclasses import dataclass

from registry import names
from registry.bootstrapper.ucp import Container, Ucp, Volume

VERSION_LABEL = "com.docker.dtr.version"
REPLICA_LABEL = "com.docker.dtr.replica"


@dataclass(frozen=True)
class SeenReplica:
    """What is left of a replica, and where."""

    id: str
    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...] = ()

    @property
    def nodes(self) -> list[str]:
        """Return the nodes that hold something of it."""
        return sorted({each.node for each in self.containers} | {each.node for each in self.volumes})

    @property
    def version(self) -> str:
        """Return the version that its containers say: several where an upgrade was interrupted."""
        return " and ".join(sorted(self.versions))

    @property
    def versions(self) -> set[str]:
        """Return every version that one of its containers says."""
        return {each.labels.get(VERSION_LABEL, "") for each in self.containers}


def replicas_in(containers: list[Container]) -> list[SeenReplica]:
    """Return the replicas whose containers these are, by ID."""
    found: dict[str, list[Container]] = {}
    for container in containers:
        known = names.replica_of_container(container.name)
        if known:
            found.setdefault(known[1], []).append(container)
    return [SeenReplica(replica, tuple(found[replica])) for replica in sorted(found)]


async def remains(ucp: Ucp) -> list[SeenReplica]:
    """Return all replicas of which a container or a volume is left, by ID."""
    by_id = {replica.id: replica for replica in replicas_in(await ucp.containers())}
    volumes: dict[str, list[Volume]] = {}
    for volume in await ucp.volumes():
        replica = names.replica_of_volume(volume.name)
        if replica:
            volumes.setdefault(replica, []).append(volume)
    return [
        SeenReplica(each, by_id[each].containers if each in by_id else (), tuple(volumes.get(each, ())))
        for each in sorted({*by_id, *volumes})
    ]
