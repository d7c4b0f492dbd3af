"""Who belongs to the cluster: the replicas it knows, the members of its database, and which of them live."""

import asyncio
from http import HTTPStatus

from registry import cluster, names
from registry.bootstrapper.workplace import Site
from registry.cluster import Replica
from registry.etcd import Etcd, Member


async def members(database: Etcd) -> dict[str, Member]:
    """Return the configured members of the database by replica ID, live or not, with a vote or without."""
    return {names.replica_of_peer(member.peer_url): member for member in await database.members()}


async def known(database: Etcd) -> set[str]:
    """Return the replicas that the cluster or its database counts, half-made ones too."""
    return {replica.id for replica in await cluster.replicas(database)} | set(await members(database))


async def live(site: Site, replicas: set[str]) -> set[str]:
    """Return those whose database member answers and has a quorum behind it."""
    ordered = sorted(replicas)
    found = await asyncio.gather(*(site.status_of(f"{names.database_url(each)}/health") for each in ordered))
    return {each for each, status in zip(ordered, found, strict=True) if status == HTTPStatus.OK}


async def sick(site: Site, replicas: list[Replica]) -> dict[str, str]:
    """Return the replicas whose `/_ping` is not 200, and why."""
    urls = [f"https://{names.container('nginx', each.id)}/_ping" for each in replicas]
    found = await asyncio.gather(*(site.status_of(url) for url in urls))
    answers = zip(replicas, found, strict=True)
    return {each.id: str(status) for each, status in answers if status != HTTPStatus.OK}
