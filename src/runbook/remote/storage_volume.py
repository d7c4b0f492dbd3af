"""The volume in which a single replica keeps its images, on its node."""

import re
from collections.abc import Callable, Iterator

from runbook.domain.errors import RefusedError
from runbook.domain.snapshot import StoredObject
from runbook.remote.ssh import SshConnection
from runbook.remote.storage_tree import TreeStorage

_NAME = re.compile(r"dtr-registry-[0-9a-f]{12}")
_PLACES = """
docker volume ls --quiet --filter name=dtr-registry- | while IFS= read -r name; do
  docker volume inspect --format '{{.Name}} {{.Mountpoint}}' "$name" || exit 1
done
"""
_ONE_PLACE = """
case "$1" in
  /*) [ ! -d "$1" ] || echo "$1 $1" ;;
  *) [ -z "$(docker volume ls --quiet --filter "name=^$1$")" ] ||
     docker volume inspect --format '{{.Name}} {{.Mountpoint}}' "$1" ;;
esac
"""


class VolumeStorage(TreeStorage):
    """The files of `dtr-registry-<replica id>`, or of the volume or folder `name`; nothing where there is none yet."""

    def __init__(self, ssh: Callable[[], SshConnection], node: str, name: str | None = None) -> None:
        """Look on `node` for the volume each time: a restore makes another."""
        super().__init__(ssh, self._mountpoint, f"{node}:{name or 'volume'}")
        self._ssh, self._node, self._name = ssh, node, name

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield every file in byte order of the paths; none where there is no volume."""
        return super().list_objects() if self._volumes() else iter(())

    def is_empty(self) -> bool:
        """Tell whether no file is there."""
        return not self._volumes() or super().is_empty()

    def make(self, replica_id: str) -> None:
        """Leave the volume of this replica on the node; one that is there is kept."""
        name = self._name or f"dtr-registry-{replica_id}"
        self._run(("mkdir", "-p", name) if name.startswith("/") else ("docker", "volume", "create", name))

    def is_there(self) -> bool:
        """Tell whether the volume exists yet."""
        return bool(self._volumes())

    def _mountpoint(self) -> str:
        volumes = self._volumes()
        if len(volumes) != 1:
            names = ", ".join(sorted(volumes)) or "none"
            what = f"one volume of the registry's images must be there, there are: {names}"
            raise RefusedError(
                self._node, what, "correct storage.volume.node, or remove the volume of a dead replica"
            )
        return next(iter(volumes.values()))

    def _volumes(self) -> dict[str, str]:
        """Return the folder of each volume that holds images of a replica."""
        program = ("sh", "-c", _ONE_PLACE, "place", self._name) if self._name else ("sh", "-c", _PLACES)
        pairs = [line.split(" ", 1) for line in self._run(program).decode().splitlines()]
        if self._name:
            return {name: folder for name, folder in pairs}
        return {name: folder for name, folder in pairs if _NAME.fullmatch(name)}

    def _run(self, argv: tuple[str, ...]) -> bytes:
        done = self._ssh().run(argv)
        if done.status:
            said = done.stderr.decode(errors="replace").strip() or f"docker ended with {done.status}"
            raise RefusedError(self._node, said, "see that its engine runs, then rerun")
        return done.stdout
