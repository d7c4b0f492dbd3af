"""Phase 2 of `remove`: replicas leave the cluster, and what is left of them goes where their node answers.

The order is the stand-in's choice: the vote goes first, so that the others keep their majority; what the
cluster knows of the replica goes last, so that a run that was interrupted is finished by the next.
"""

from registry import cluster, health
from registry.bootstrapper import destroy, join, lock, membership, releases, steps
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.seen import SeenReplica
from registry.bootstrapper.workplace import Site, wait_until
from registry.etcd import Etcd

_STABLE_WITHIN = 30.0
_HEALTHY_WITHIN = 5.0


async def run(site: Site) -> None:
    """Leave the cluster without these replicas."""
    await steps.connect_network(site)
    database = site.database()
    victims: list[str] = site.options["replica_ids"]
    await _check(site, database, victims)
    async with lock.held(database, site.console, "remove"):
        alive = await membership.live(site, set(victims))
        for victim in sorted(victims, key=lambda each: each in alive):  # dead ones first
            await _remove(site, database, victim)
        count = len(await cluster.replicas(database))
    site.console.info("Replica removal is complete")
    for text in join.closing_lines(count):
        site.console.info(text)


async def _check(site: Site, database: Etcd, victims: list[str]) -> None:
    """Fail before any change when a replica is unknown or the rest would have no majority."""
    site.console.info("Validating the replicas to remove")
    if not site.options.get("force"):
        await wait_until(lambda: _why_not_through(site), "Failed to validate the replicas", _HEALTHY_WITHIN)
        if releases.checks_what_is_removed():
            await _require_existence(site, database, victims)
    configured = await membership.members(database)
    staying = {each for each, member in configured.items() if not member.learner} - set(victims)
    alive = await membership.live(site, staying)
    if len(alive) <= len(staying) // 2:
        lost = " ".join(sorted(staying - alive))
        raise FatalError(f"The cluster would lose its quorum, these replicas are unhealthy too: {lost}")


async def _why_not_through(site: Site) -> str:
    """Return what speaks against working through the replica that was named."""
    here = [each for each in await cluster.replicas(site.database()) if each.id == site.replica]
    found = await membership.sick(site, here)
    return ", ".join(f"replica {each} is unhealthy ({status})" for each, status in found.items())


async def _require_existence(site: Site, database: Etcd, victims: list[str]) -> None:
    """What a removal left behind that was interrupted counts as well (the stand-in chooses)."""
    known = await membership.known(database)
    for victim in victims:
        if victim not in known and not _is_left(await destroy.left_of(site, victim)):
            raise FatalError(
                f"Replica {victim} does not exist; this cluster contains the replicas: "
                f"{' '.join(sorted(known))}"
            )


def _is_left(found: SeenReplica) -> bool:
    return bool(found.containers or found.volumes)


async def _remove(site: Site, database: Etcd, victim: str) -> None:
    site.console.info(f"Removing replica {victim} from the cluster")
    await wait_until(
        lambda: _take_vote(site, database, victim), "Failed to remove the replica", _STABLE_WITHIN
    )
    found = await destroy.left_of(site, victim)
    if _is_left(found):
        await destroy.clear(site, found)
    else:
        site.console.warn(f"Nothing of replica {victim} was found on the nodes that answer")
    await wait_until(lambda: _forget(database, victim), "Failed to remove the replica", _STABLE_WITHIN)
    site.console.info(f"Replica {victim} removed.")


async def _take_vote(site: Site, database: Etcd, victim: str) -> str:
    members = await membership.members(database)
    member = members.get(victim)
    if member is None:
        return ""
    if await database.leader() == member.id:
        await site.database(victim).hand_over(members[site.replica].id)
    await database.remove_member(member.id)
    return ""


async def _forget(database: Etcd, victim: str) -> str:
    await health.forget(database, victim)
    await cluster.forget(database, victim)
    return ""
