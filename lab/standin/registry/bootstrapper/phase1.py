"""Phase 1: checks that nothing speaks against the command, then has phase 2 do it on the right node."""

import secrets
import sys
from collections.abc import Awaitable, Callable

import aiohttp

from registry import names, version
from registry.bootstrapper import archive, connect, relay, target
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.relay import Phase2
from registry.bootstrapper.seen import SeenReplica, remains, replicas_in
from registry.bootstrapper.ucp import Ucp

_STORAGE_FLAGS = ("dtr_use_default_storage", "dtr_storage_volume", "nfs_storage_url")
_SECRET = ("ucp_password",)


async def run(command: str, options: Options, console: Console) -> int:
    """Return the exit status of the command."""
    _PRECHECKS.get(command, _nothing_to_check)(options)
    console.info(f"Beginning Docker Trusted Registry {_TITLES[command]}")
    completed = connect.complete(console, options, may_ask=command != "restore")
    async with aiohttp.ClientSession() as session:
        ucp = await connect.connect(session, console, completed)
        phase2 = await _PREPARE[command](ucp, console, completed)
        return await relay.run(ucp, console, phase2)


def _request(
    command: str, ucp: Ucp, node: str, replica: str, options: Options, **more: str
) -> dict[str, object]:
    """Return what phase 2 is told: the token of the login, never the password."""
    passed = {name: value for name, value in options.items() if name not in _SECRET}
    return {
        "command": command, "node": node, "replica": replica, "options": passed,
        "ucp": ucp.connection.to_json(), "token": ucp.token, **more,
    }  # fmt: skip


def _new_replica_id(options: Options) -> str:
    given = options["replica_id"]
    if not given:
        return secrets.token_hex(6)
    return checked_id(given)


def checked_id(text: str) -> str:
    """Return a replica ID in lower case, or fail."""
    if not names.valid_replica_id(text.lower()):
        raise FatalError(f"Invalid replica ID '{text}': it must be 12 hexadecimal characters")
    return text.lower()


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
    return Phase2(node.name, _request("install", ucp, node.name, replica, options))


async def _restore(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replica = _new_replica_id(options)
    reader = await relay.open_stdin()
    first = await archive.first_block(reader)
    archive.check_version(first)
    others = replicas_in(await ucp.containers())
    if replica in [each.id for each in others]:
        raise FatalError(f"Replica {replica} still exists; destroy every replica before a restore")
    if others:
        console.warn(f"This cluster still contains the replicas: {_listed(others)}. Destroy them first")
    node = await target.choose(ucp, console, options)
    stdin = relay.stdin_from(first, reader)
    return Phase2(node.name, _request("restore", ucp, node.name, replica, options), stdin=stdin)


async def _join(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replica = _new_replica_id(options)
    existing = await _existing(ucp, console, options, "join to")
    if replica in [each.id for each in replicas_in(await ucp.containers())]:
        raise FatalError(f"Replica ID {replica} is in use")
    node = await target.choose(ucp, console, options)
    request = _request("join", ucp, node.name, replica, options, existing=existing.id)
    return Phase2(node.name, request)


async def _backup(ucp: Ucp, console: Console, options: Options) -> Phase2:
    existing = await _existing(ucp, console, options, "back up from")
    node = existing.containers[0].node
    offline = bool(options.get("offline_backup"))
    # an offline backup reads the stopped member's files
    binds = (f"{names.volume('rethink', existing.id)}:/data:ro",) if offline else ()
    return Phase2(node, _request("backup", ucp, node, existing.id, options), binds)


async def _existing(ucp: Ucp, console: Console, options: Options, purpose: str) -> SeenReplica:
    """Return the replica to work through, of this image's version."""
    console.info("Searching containers in UCP for DTR replicas")
    replicas = replicas_in(await ucp.containers())
    if not replicas:
        raise FatalError("No DTR replica was found in the UCP cluster")
    console.info(f"This cluster contains the replicas: {_listed(replicas)}")
    wanted = options["existing_replica_id"] or console.choose(purpose, [each.id for each in replicas])
    found = _named(replicas, checked_id(wanted))
    if found.version != version.current():
        raise FatalError(
            f"Replica {found.id} has version {found.version} but this is {version.current()}; "
            f"use {names.repository_prefix()}:{found.version}"
        )
    return found


def _named(replicas: list[SeenReplica], wanted: str) -> SeenReplica:
    for replica in replicas:
        if replica.id == wanted:
            return replica
    raise FatalError(
        f"Replica {wanted} does not exist; this cluster contains the replicas: {_listed(replicas)}"
    )


def _listed(replicas: list[SeenReplica]) -> str:
    return " ".join(replica.id for replica in replicas)


async def _destroy(ucp: Ucp, console: Console, options: Options) -> Phase2:
    replicas = await remains(ucp)
    if not replicas:
        raise FatalError("No DTR replica was found in the UCP cluster")
    console.info(f"This cluster contains the replicas: {_listed(replicas)}")
    wanted = options["replica_id"] or console.choose("destroy", [each.id for each in replicas])
    found = _named(replicas, checked_id(wanted))
    node = found.nodes[0]
    return Phase2(node, _request("destroy", ucp, node, found.id, options))


_TITLES = {
    "install": "installation",
    "join": "replica join",
    "backup": "backup",
    "restore": "restore",
    "destroy": "replica destroy",
}
_PRECHECKS: dict[str, Callable[[Options], None]] = {"backup": _refuse_terminal, "restore": _check_restore}
_PREPARE: dict[str, Callable[[Ucp, Console, Options], Awaitable[Phase2]]] = {
    "install": _install,
    "join": _join,
    "backup": _backup,
    "restore": _restore,
    "destroy": _destroy,
}
