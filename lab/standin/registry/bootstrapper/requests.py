"""What the commands of phase 1 share: the replica to work through, and what phase 2 is told."""

from registry import names, version
from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.seen import SeenReplica, replicas_in
from registry.bootstrapper.ucp import Ucp

_SECRET = ("ucp_password",)


def request(
    command: str, ucp: Ucp, node: str, replica: str, options: Options, **more: str
) -> dict[str, object]:
    """Return what phase 2 is told: the token of the login, never the password."""
    passed = {name: value for name, value in options.items() if name not in _SECRET}
    return {
        "command": command, "node": node, "replica": replica, "options": passed,
        "ucp": ucp.connection.to_json(), "token": ucp.token, **more,
    }  # fmt: skip


def checked_id(text: str) -> str:
    """Return a replica ID in lower case, or fail."""
    if not names.valid_replica_id(text.lower()):
        raise FatalError(f"Invalid replica ID '{text}': it must be 12 hexadecimal characters")
    return text.lower()


async def existing(ucp: Ucp, console: Console, options: Options, purpose: str) -> SeenReplica:
    """Return the replica to work through, of this image's version."""
    console.info("Searching containers in UCP for DTR replicas")
    found = chosen(console, options, purpose, replicas_in(await ucp.containers()))
    if found.version != version.current():
        raise FatalError(
            f"Replica {found.id} has version {found.version} but this is {version.current()}; "
            f"use {names.repository_prefix()}:{found.version}"
        )
    return found


def chosen(console: Console, options: Options, purpose: str, replicas: list[SeenReplica]) -> SeenReplica:
    """Return the replica that `--existing-replica-id` names, or that is typed."""
    if not replicas:
        raise FatalError("No DTR replica was found in the UCP cluster")
    console.info(f"This cluster contains the replicas: {listed(replicas)}")
    wanted = options["existing_replica_id"] or console.choose(purpose, [each.id for each in replicas])
    return named(replicas, checked_id(wanted))


def named(replicas: list[SeenReplica], wanted: str) -> SeenReplica:
    """Return the replica of this ID; fail with the valid ones when there is none."""
    for replica in replicas:
        if replica.id == wanted:
            return replica
    raise FatalError(
        f"Replica {wanted} does not exist; this cluster contains the replicas: {listed(replicas)}"
    )


def listed(replicas: list[SeenReplica]) -> str:
    """Return the IDs with a space between two."""
    return " ".join(replica.id for replica in replicas)
