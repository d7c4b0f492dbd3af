"""Phase 1 of the commands that change a cluster which stands: remove, reconfigure, upgrade, emergency-repair."""

from registry import names, version
from registry.bootstrapper import releases, requests, storage_choice, target
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.relay import Phase2
from registry.bootstrapper.seen import SeenReplica, remains, replicas_in
from registry.bootstrapper.ucp import Node, Ucp


async def remove(ucp: Ucp, console: Console, options: Options) -> Phase2:
    """Return the removal of the named replicas by way of another one."""
    through = await requests.existing(ucp, console, options, "remove through")
    victims = _victims(console, options)
    if through.id in victims:
        raise FatalError(
            f"Replica {through.id} cannot be removed through itself; name another healthy replica, "
            "or destroy it when it is the last one"
        )
    return _on(through, "remove", ucp, options | {"replica_ids": victims})


def _victims(console: Console, options: Options) -> list[str]:
    """Return the replicas that shall go; there is no default (the stand-in chooses)."""
    if options["replica_id"]:
        console.warn("--replica-id is deprecated, use --replica-ids")
    given = options["replica_ids"] or options["replica_id"]
    text = given or console.ask("replica-ids", "The IDs of the replicas to remove")
    return list(dict.fromkeys(requests.checked_id(each.strip()) for each in text.split(",")))


def check_reconfigure(options: Options) -> None:
    """Fail when the flags contradict one another."""
    if options["log_host"] and not options["log_protocol"]:
        raise FatalError("--log-host needs --log-protocol")
    storage_choice.new_place(options)


async def reconfigure(ucp: Ucp, console: Console, options: Options) -> Phase2:
    """Return the reconfiguration, once the ports that the named replica shall have are free."""
    console.info("Starting phase1 reconfigure")
    through = await requests.existing(ucp, console, options, "reconfigure")
    taken = {port for each in through.containers for port in each.ports}
    wanted = {options["replica_http_port"], options["replica_https_port"]} - {None}
    if wanted - taken:
        await target.probe(ucp, console, await _node(ucp, through), sorted(wanted - taken))
    return _on(through, "reconfigure", ucp, options)


async def _node(ucp: Ucp, replica: SeenReplica) -> Node:
    return next(node for node in await ucp.nodes() if node.name == replica.nodes[0])


async def upgrade(ucp: Ucp, console: Console, options: Options) -> Phase2:
    """Return the upgrade to this image's version, when every replica may have it."""
    console.info("Searching containers in UCP for DTR replicas")
    replicas = replicas_in(await ucp.containers())
    through = requests.chosen(console, options, "upgrade", replicas)
    for replica in replicas:
        for found in sorted(replica.versions):
            if why := releases.why_no_upgrade(found, version.current()):
                raise FatalError(f"Replica {replica.id} cannot be upgraded: {why}")
    return _on(through, "upgrade", ucp, options)


async def emergency_repair(ucp: Ucp, console: Console, options: Options) -> Phase2:
    """Return the repair around one replica, of which nothing but its volumes need be left."""
    found = requests.chosen(console, options, "repair", await remains(ucp))
    if found.versions - {version.current()}:
        raise FatalError(
            f"Replica {found.id} has version {found.version} but this is {version.current()}; "
            f"use {names.repository_prefix()}:{found.version}"
        )
    if not options["yes"]:
        console.confirm(f"All replicas but {found.id} will be removed from the cluster. Continue?")
    data = names.volume("rethink", found.id)
    node = next((volume.node for volume in found.volumes if volume.name == data), None)
    if node is None:
        raise FatalError(f"The volume {data} is on no node that answers; try another replica ID")
    asked = requests.request("emergency-repair", ucp, node, found.id, options)
    return Phase2(node, asked, (f"{data}:/data",))


def _on(through: SeenReplica, command: str, ucp: Ucp, options: Options) -> Phase2:
    node = through.nodes[0]
    return Phase2(node, requests.request(command, ucp, node, through.id, options))
