"""Phase 2 of `join`: a member that catches up before it votes, then its services."""

import asyncio
from http import HTTPStatus

from registry import cluster, names, properties, version
from registry.bootstrapper import certificate_steps, lock, steps, storage_choice
from registry.bootstrapper.workplace import Site, wait_until
from registry.cluster import Replica
from registry.etcd import DatabaseUnavailableError, Etcd, Member
from registry.storage_settings import backend_of

_CAUGHT_UP_WITHIN = 120.0
_REACH_WITHIN = 20.0
_STABLE_WITHIN = 30.0
_HEALTHY_WITHIN = 5.0


async def run(site: Site) -> None:
    """Leave the cluster with one replica more, on this node."""
    site.console.info("Verifying your system is compatible with DTR")
    site.console.info("Checking if the node is okay to install on")
    await steps.connect_network(site)
    existing = site.database(site.existing)
    await _test_network(site, existing)
    async with lock.held(existing, site.console, "join"):
        await _require_healthy(site, existing)
        await steps.set_up_volumes(site)
        await _add(site, existing)
        count = len(await existing.members())
    _say_complete(site, count)


async def _test_network(site: Site, existing: Etcd) -> None:
    """Fail unless the existing replica is reached over the overlay network."""
    if not site.options["skip_network_test"]:
        site.console.info("Starting overlay network test")

    async def why_not() -> str:
        try:
            await existing.get("/cluster/quorum", local=True)
        except DatabaseUnavailableError as exc:
            return str(exc)
        return ""

    await wait_until(why_not, f"Failed overlay networking test with {site.existing}", _REACH_WITHIN)
    if not site.options["skip_network_test"]:
        site.console.info("Overlay networking test passed.")


async def _require_healthy(site: Site, existing: Etcd) -> None:
    if site.options["unsafe_join"]:
        return
    members = await cluster.replicas(existing)
    urls = [f"https://{names.container('nginx', member.id)}/_ping" for member in members]

    async def why_not() -> str:
        found = await asyncio.gather(*(site.status_of(url) for url in urls))
        answers = zip(members, found, strict=True)
        return ", ".join(f"{each.id} ({status})" for each, status in answers if status != HTTPStatus.OK)

    await wait_until(why_not, "The cluster is unhealthy, refusing to join", _HEALTHY_WITHIN)


async def _add(site: Site, existing: Etcd) -> None:
    tables = site.tables(site.existing)
    hub = await tables.property(properties.SETTINGS) or {}
    choice = storage_choice.from_settings(hub, site.replica)
    await storage_choice.prepare(site, choice)
    await _warn_of_filesystem(site)
    learner = await _add_learner(site, existing)
    try:
        await _copy_data(site, existing, learner)
    except BaseException:
        await existing.remove_member(learner.id)  # the cluster is as it was
        raise
    await certificate_steps.cover_node(site, tables)
    await cluster.register(existing, Replica(site.replica, site.node, site.http_port, site.https_port))
    await steps.start_services(site, choice.mount)
    await steps.wait_until_healthy(site)


async def _add_learner(site: Site, existing: Etcd) -> Member:
    """Add the member as soon as the database takes one."""
    for member in await existing.members():
        if member.learner:
            await existing.remove_member(member.id)  # of a join that died: the database takes one at a time
    added: list[Member] = []

    async def why_not() -> str:
        added.append(await existing.add_learner(names.peer_url(site.replica)))
        return ""

    await wait_until(why_not, "Failed to add the replica to the database", _STABLE_WITHIN)
    return added[0]


async def _warn_of_filesystem(site: Site) -> None:
    document = await site.tables(site.existing).property(properties.STORAGE)
    if backend_of(document) == "filesystem":
        site.console.warn(
            "Warning! You are using DTR with the filesystem driver in an HA setup. "
            "Make sure that every replica stores images in the same place."
        )


async def _copy_data(site: Site, existing: Etcd, learner: Member) -> None:
    """Start the member and give it its vote once it has caught up."""
    members = {
        member.name.removeprefix("dtr_rethinkdb_"): member.peer_url
        for member in await existing.members()
        if member.id != learner.id
    }
    await steps.start_database(site, members | {site.replica: learner.peer_url}, new=False)
    site.console.info(f"Transferring data to new replica: {site.replica}")

    async def why_not() -> str:
        await existing.promote(learner.id)  # refused until it has caught up
        return ""

    await wait_until(why_not, "Failed to transfer data", _CAUGHT_UP_WITHIN)
    site.console.info("Database successfully copied")


def _say_complete(site: Site, count: int) -> None:
    site.console.info("Join is complete")
    site.console.info(f"Replica ID is set to: {site.replica}")
    for text in closing_lines(count):
        site.console.info(text)


def closing_lines(count: int) -> list[str]:
    """Return how many replicas there are, in this version's words, and a warning when they are even."""
    if version.at_least(version.LONG_CLUSTER_NAME):
        cluster_name = "Docker Trusted Registry"
        even = "You currently have an even number of replicas which can impact cluster availability"
    else:
        cluster_name = "DTR"
        even = "You have an even number of replicas which can impact availability"
    lines = [f"There are currently {count} replicas in your {cluster_name} cluster"]
    if count % 2 == 0:
        lines += [even, "It is recommended that you have 3, 5 or 7 replicas in your cluster"]
    return lines
