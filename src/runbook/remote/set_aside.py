"""Moves a dead replica's data out of the way of `destroy`, on its node, without copying it."""

from runbook.domain.errors import RefusedError
from runbook.domain.health import Replica
from runbook.remote.ssh import SshConnection

_PROGRAM = """
set -eu
aside=$1; shift
containers=$1; shift
test -z "$containers" || docker stop --time 10 $containers >/dev/null
target=$(docker volume inspect --format '{{.Mountpoint}}' "$(docker volume create "$aside")")
for volume in "$@"; do
  source=$(docker volume inspect --format '{{.Mountpoint}}' "$volume")
  mkdir -p "$target/$volume"
  find "$source" -mindepth 1 -maxdepth 1 -exec mv -t "$target/$volume" {} +
done
"""
_SHARE = "dtr-registry-nfs-"
STOP_AND_MOVE_WITHIN = 300.0


def set_aside(connection: SshConnection, replica: Replica, stamp: str) -> str:
    """Stop the replica, move the content of its volumes into one new volume and return that volume's name.

    A share is not moved: it is no replica's own, and removing the volume that mounts it deletes nothing.
    """
    name = f"set-aside-{replica.replica_id}-{stamp}"
    containers = " ".join(f"dtr-{service}-{replica.replica_id}" for service in replica.services)
    volumes = [volume for volume in replica.volumes if not volume.startswith(_SHARE)]
    command = ["sh", "-c", _PROGRAM, "set-aside", name, containers, *volumes]
    done = connection.run(command, timeout=STOP_AND_MOVE_WITHIN)
    if done.status:
        said = done.stderr.decode(errors="replace").strip()
        raise RefusedError(
            replica.node,
            f"the data of replica {replica.replica_id} could not be set aside: {said}",
            "nothing was deleted; make room or move it by hand, then start the restore again",
        )
    return name
