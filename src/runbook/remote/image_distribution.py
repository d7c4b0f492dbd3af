"""Images into the engine of a node, over the run's SSH connection: pulled there, or streamed from an archive here."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from runbook.domain.errors import NotReadyError, RefusedError, UnreachableError
from runbook.domain.image_distribution import ImageSource, ImagesSeen
from runbook.remote.machine import Machine
from runbook.remote.silence import SilenceLimit
from runbook.remote.transport import Completed

logger = logging.getLogger(__name__)
_CHUNK = 1024 * 1024
_PULL_WITHIN = 3600.0
_LOAD_SILENCE = 3600.0  # `docker load` says nothing while it unpacks, after the last byte went out
_LAST_WORDS = 5

_LOOK = """
docker info --format '{{json .DriverStatus}}' || exit 1
for name; do id=$(docker image inspect --format '{{.Id}}' "$name" 2>/dev/null) && echo "$name $id"; done
true
"""
_PULL = """
set -eu; umask 077
user=$1 host=$2; shift 2
if [ -n "$user" ]; then
  DOCKER_CONFIG=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d); export DOCKER_CONFIG
  trap 'docker logout "$host" >/dev/null 2>&1; rm -rf "$DOCKER_CONFIG"' EXIT; trap 'exit 1' HUP INT TERM
  docker login --username "$user" --password-stdin "$host" >/dev/null
fi
while [ $# -gt 0 ]; do
  docker pull "$1" >/dev/null </dev/null
  [ "$1" = "$2" ] || { docker tag "$1" "$2"; docker rmi --no-prune "$1" >/dev/null; }
  shift 2
done
"""


class Node(Machine, Protocol):
    """A machine with an engine; an SshConnection is one."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """Run a command to its end, whatever its status."""


def look_for_images(where: str, node: Node, references: Iterable[str]) -> ImagesSeen:
    """Return which of the images the node's engine has; UnreachableError when the engine does not answer."""
    done = node.run(("sh", "-c", _LOOK, "look", *references))
    if done.status:
        raise UnreachableError(where, _said(done, "docker info"), f"start the engine on {where}, then rerun")
    status, *lines = done.stdout.decode(errors="replace").splitlines()
    ids = dict(line.rsplit(" ", 1) for line in lines)
    return ImagesSeen(ids, ids_tell="io.containerd.snapshotter" not in status)


def pull_images(
    where: str, node: Node, references: Iterable[str], source: ImageSource, password: SecretStr | None
) -> None:
    """Leave the node with the images under the vendor's names; a login is in memory and gone afterwards."""
    pairs = [name for reference in references for name in (source.name_of(reference), reference)]
    user = source.user if password and source.user else ""
    stdin = password.get_secret_value().encode() + b"\n" if password and user else b""
    argv = ("sh", "-c", _PULL, "pull", user, source.host, *pairs)
    done = node.run(argv, stdin=stdin, timeout=_PULL_WITHIN)
    if done.status:
        next_step = "see that the node reaches the registry and that the user may pull, then rerun"
        raise RefusedError(where, f"its images were not pulled {source}: {_said(done, 'docker')}", next_step)


def load_archive(where: str, node: Machine, archive: Path, silence: float = _LOAD_SILENCE) -> None:
    """Leave the node with every image of the archive; memory does not grow with it."""
    said: list[str] = []
    what = f"`docker load` of {archive.name} made no progress for {silence / 60:.0f} min and was ended"
    next_step = f"see the load, the disk and the engine's log of {where}, then rerun"
    limit = SilenceLimit(silence, lambda: NotReadyError(where, what, next_step))
    with (
        archive.open("rb") as source,
        node.start(("docker", "load", "--quiet"), on_stderr=said.append) as command,
        limit.over(command),
    ):
        with suppress(BrokenPipeError):  # it has ended; its last words say why
            while data := source.read(_CHUNK):
                command.write(data)
                limit.heard()
            command.close_stdin()
        status = command.wait()
    if status:
        words = "; ".join(said[-_LAST_WORDS:]) or f"status {status}"
        next_step = f"see that {where} has room for the images, then rerun"
        raise RefusedError(where, f"`docker load` of {archive.name} failed: {words}", next_step)


def _said(done: Completed, command: str) -> str:
    words = done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_WORDS:]
    return "; ".join(words) or f"`{command}` ended with {done.status}"
