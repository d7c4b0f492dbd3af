"""A node whose commands run on this machine, with a `docker` that knows volumes, containers and images as files."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from runbook.domain.health import Replica
from runbook.remote.machine import LocalCommand, LocalMachine
from runbook.remote.transport import Completed

_DOCKER = """#!/bin/sh
set -eu
case "$1 $2" in
  "volume create") mkdir -p "$NODE/volumes/$3"; echo "$3" ;;
  "volume inspect") case "$4" in *.Name*) printf '%s ' "$5" ;; esac; ls -d "$NODE/volumes/$5" ;;
  "volume ls") ls "$NODE/volumes" ;;
  "stop --time") shift 3; for name; do test -e "$NODE/running/$name"; rm "$NODE/running/$name"; done ;;
  "image inspect") grep -Fx "$5" "$NODE/images" ;;
  *) echo "docker $*: not known here" >&2; exit 2 ;;
esac
"""


class LocalNode:
    """Volumes with files in them, and containers that run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = SimpleNamespace(name=folder.name)
        for part in ("bin", "volumes", "running"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "images").touch()
        docker = folder / "bin" / "docker"
        docker.write_text(_DOCKER)
        docker.chmod(0o755)

    def hold(self, replica: Replica) -> None:
        """Have the replica's containers run, and a file in each of its volumes."""
        for service in replica.services:
            (self.folder / "running" / f"dtr-{service}-{replica.replica_id}").touch()
        for volume in replica.volumes:
            self.volume(volume).mkdir()
            (self.volume(volume) / "data").write_text(f"of {volume}")

    def volume(self, name: str) -> Path:
        """Return the folder that a volume is."""
        return self.folder / "volumes" / name

    def load(self, image: str) -> None:
        """Have an image."""
        with (self.folder / "images").open("a") as images:
            images.write(f"{image}\n")

    @property
    def running(self) -> set[str]:
        return {path.name for path in (self.folder / "running").iterdir()}

    @property
    def files(self) -> dict[str, str]:
        """Content of every file in a volume."""
        volumes = self.folder / "volumes"
        return {str(p.relative_to(volumes)): p.read_text() for p in volumes.rglob("*") if p.is_file()}

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> LocalCommand:
        return LocalMachine().start(argv, on_stderr=on_stderr)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "NODE": str(self.folder)}
        done = subprocess.run(
            argv, input=stdin, env=environment, capture_output=True, timeout=timeout, check=False
        )
        return Completed(done.returncode, done.stdout, done.stderr)
