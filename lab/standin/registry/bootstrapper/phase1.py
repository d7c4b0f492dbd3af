"""Phase 1: checks that nothing speaks against the command, then has phase 2 do it on the right node."""

import secrets
import sys
from collections.abc import Awaitable, Callable

import aiohttp

from registry import names, version
from registry.bootstrapper import archive, changes, connect, relay, requests, target
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.relay import Phase2
from registry.bootstrapper.seen import remains, replicas_in
from registry.bootstrapper.ucp import Ucp

_STORAGE_FLAGS = ("dtr_use_default_storage", "dtr_storage_volume", "nfs_storage_url")


async def run(command: str, options: Options, console: Console) -> int:
    """Return the exit status of the command."""
    _PRECHECKS.get(command, _nothing_to_check)(options)
    console.info(f"Beginning Docker Trusted Registry {_TITLES[command]}")
    completed = connect.complete(console, options, may_ask=command != "restore")
    async with aiohttp.ClientSession() as session:
        ucp = await connect.connect(session, console, completed)
        phase2 = await _PREPARE[command](ucp, console, completed)
        return await relay.run(ucp, console, phase2)


def _new_replica_id(options: Options) -> str:
    given = options["replica_id"]
    if not given:
        return secrets.token_hex(6)
    return requests.checked_id(given)


def _refuse_terminal(_: Options) -> None:
    if sys.stdout.isatty() or sys.stdin.isatty():
        raise FatalError(
            "Failed to require no tty: Terminal mode detected. This command cannot be run in terminal mode, "
            "please remove '-t' from 'docker run'"
        )


def _check_restore(options: Options) -> None:
    given = [name for name in _STORAGE_FLAGS if options.get(name)]
    if version.at_least(version.STORAGE_FLAG) and len(given) != 1:
        flags = ", ".join("--" + name.replace("_", "-") for name in _STORAGE_FLAGS)
        raise FatalError(f"Failed to choose a storage backend: exactly one of {flags} must be given")
    if not options["replica_id"]:
        raise FatalError("Failed to read replica-id: --replica-id must be given")


def _nothing_to_check(_: Options) -> None:
    return


async def _install(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replica = _new_replica_id(options)
    node = await target.choose(ucp, console, options)
    return Phase2(node.name, requests.request("install", ucp, node.name, replica, options))


async def _restore(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replica = _new_replica_id(options)
    reader = await relay.open_stdin()
    first = await archive.first_block(reader)
    archive.check_version(first)
    others = replicas_in(await ucp.containers())
    if replica in [each.id for each in others]:
        raise FatalError(f"Replica {replica} still exists; destroy every replica before a restore")
    if others:
        console.warn(
            f"This cluster still contains the replicas: {requests.listed(others)}. Destroy them first"
        )
    node = await target.choose(ucp, console, options)
    stdin = relay.stdin_from(first, reader)
    return Phase2(node.name, requests.request("restore", ucp, node.name, replica, options), stdin=stdin)


async def _join(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replica = _new_replica_id(options)
    existing = await requests.existing(ucp, console, options, "join to")
    if replica in [each.id for each in replicas_in(await ucp.containers())]:
        raise FatalError(f"Replica ID {replica} is in use")
    node = await target.choose(ucp, console, options)
    request = requests.request("join", ucp, node.name, replica, options, existing=existing.id)
    return Phase2(node.name, request)


async def _backup(ucp: Ucp, console: Console, options: Options) -> Phase2:
    existing = await requests.existing(ucp, console, options, "back up from")
    node = existing.containers[0].node
    offline = bool(options.get("offline_backup"))
    # an offline backup reads the stopped member's files
    binds = (f"{names.volume('rethink', existing.id)}:/data:ro",) if offline else ()
    return Phase2(node, requests.request("backup", ucp, node, existing.id, options), binds)


async def _destroy(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replicas = await remains(ucp)
    if not replicas:
        raise FatalError("No DTR replica was found in the UCP cluster")
    console.info(f"This cluster contains the replicas: {requests.listed(replicas)}")
    wanted = options["replica_id"] or console.choose("destroy", [each.id for each in replicas])
    found = requests.named(replicas, requests.checked_id(wanted))
    node = found.nodes[0]
    return Phase2(node, requests.request("destroy", ucp, node, found.id, options))


_TITLES = {
    "install": "installation",
    "join": "replica join",
    "backup": "backup",
    "restore": "restore",
    "destroy": "replica destroy",
    "remove": "replica removal",
    "reconfigure": "reconfiguration",
    "upgrade": "upgrade",
    "emergency-repair": "emergency repair",
}
_PRECHECKS: dict[str, Callable[[Options], None]] = {
    "backup": _refuse_terminal,
    "restore": _check_restore,
    "reconfigure": changes.check_reconfigure,
}
_PREPARE: dict[str, Callable[[Ucp, Console, Options], Awaitable[Phase2]]] = {
    "install": _install,
    "join": _join,
    "backup": _backup,
    "restore": _restore,
    "destroy": _destroy,
    "remove": changes.remove,
    "reconfigure": changes.reconfigure,
    "upgrade": changes.upgrade,
    "emergency-repair": changes.emergency_repair,
}
