"""A node whose commands run on this machine, with a `docker` that knows volumes, containers and images as files.

What listens on it is in a file too: the machine's own ports are no part of it.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from runbook.domain.health import Replica
from runbook.remote.machine import LocalCommand, LocalMachine
from runbook.remote.transport import Completed

_DOCKER = r"""#!/bin/sh
set -eu
case "$1 $2" in
  "volume create") mkdir -p "$NODE/volumes/$3"; echo "$3" ;;
  "volume inspect") case "$4" in *.Name*) printf '%s ' "$5" ;; esac; ls -d "$NODE/volumes/$5" ;;
  "volume ls") ls "$NODE/volumes" | case "$*" in *name=^*) grep -e "${5#name=}" || : ;; *) cat ;; esac ;;
  "rm dtr-phase2") rm "$NODE/dtr-phase2" ;;
  "stop --time") shift 3; for name; do test -e "$NODE/running/$name"; rm "$NODE/running/$name"; done ;;
  "image inspect") grep -q "^$5 " "$NODE/images" && sed -n "s|^$5 ||p" "$NODE/images" | tail -n 1 ;;
  "info --format") case "$3" in *ServerVersion*) printf '%s\n' 20.10.24 "${NODE##*/}" / 127.0.0.1; exit ;; esac
    echo '[["Backing Filesystem","extfs"]]' ;;
  "ps -a") : ;;
  "ps --format") cat "$NODE/published" ;;
  "load --quiet")
    cat >"$NODE/archive"; tar -xOf "$NODE/archive" manifest.json |
    sed 's/{"Config"/\n&/g' |
    sed -n 's/.*"Config":"\([0-9a-f]*\)\.json","RepoTags":\["\([^"]*\)"\].*/\2 sha256:\1/p' >>"$NODE/images" ;;
  "login --username") IFS= read -r password; echo "$3:$password@$5" >>"$NODE/logins"; : >"$DOCKER_CONFIG/config.json" ;;
  "logout "*) echo "out of $2" >>"$NODE/logins" ;;
  "pull "*) grep -Fxq "$2" "$NODE/pullable" || { echo "not found: manifest unknown: $2" >&2; exit 1; }
    echo "$2 sha256:pulled" >>"$NODE/images" ;;
  "tag "*) sed -n "s|^$2 |$3 |p" "$NODE/images" >"$NODE/new"; cat "$NODE/new" >>"$NODE/images" ;;
  "rmi --no-prune") sed -i "\\|^$3 |d" "$NODE/images" ;;
  *) echo "docker $*: not known here" >&2; exit 2 ;;
esac
"""

_CAT = """#!/bin/sh
case "$1" in /proc/net/*) exec /bin/cat "$NODE/listening" ;; esac
exec /bin/cat "$@"
"""
_NO_SS = "#!/bin/sh\nexit 127\n"


class LocalNode:
    """Volumes with files in them, and containers that run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = SimpleNamespace(name=folder.name)
        for part in ("bin", "volumes", "running"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for state in ("images", "listening", "published", "pullable", "logins"):
            (folder / state).touch()
        for name, program in (("docker", _DOCKER), ("cat", _CAT), ("ss", _NO_SS)):
            if not (file := folder / "bin" / name).exists():
                file.write_text(program)
                file.chmod(0o755)

    def hold(self, replica: Replica) -> None:
        """Have the replica's containers run, and a file in each of its volumes."""
        for service in replica.services:
            (self.folder / "running" / f"dtr-{service}-{replica.replica_id}").touch()
        for volume in replica.volumes:
            self.volume(volume).mkdir()
            (self.volume(volume) / "data").write_text(f"of {volume}")

    @property
    def phase2(self) -> Path:
        """The state of the bootstrapper's second phase; absent where there is none."""
        return self.folder / "dtr-phase2"

    def volume(self, name: str) -> Path:
        """Return the folder that a volume is."""
        return self.folder / "volumes" / name

    def load(self, *images: str) -> None:
        """Have images."""
        self._note("images", *(f"{image} sha256:pulled" for image in images))

    def listen(self, port: int, container: str = "") -> None:
        """Have a program, or a container, listen on a port."""
        self._note("listening", f"   0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000")
        if container:
            self._note("published", f"{container}\t0.0.0.0:{port}->{port}/tcp, :::{port}->{port}/tcp")

    def offer(self, *images: str) -> None:
        """Let images be pulled."""
        self._note("pullable", *images)

    def _note(self, state: str, *lines: str) -> None:
        with (self.folder / state).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    @property
    def images(self) -> dict[str, str]:
        """Id of each image that it has."""
        return dict(line.split(" ") for line in (self.folder / "images").read_text().splitlines())

    @property
    def logins(self) -> list[str]:
        """Who logged in and out, in this order."""
        return (self.folder / "logins").read_text().splitlines()

    @property
    def running(self) -> set[str]:
        return {path.name for path in (self.folder / "running").iterdir()}

    @property
    def files(self) -> dict[str, str]:
        """Content of every file in a volume."""
        volumes = self.folder / "volumes"
        return {str(p.relative_to(volumes)): p.read_text() for p in volumes.rglob("*") if p.is_file()}

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> LocalCommand:
        return LocalMachine().start(("env", *self._environment, *argv), on_stderr=on_stderr)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        done = subprocess.run(
            ("env", *self._environment, *argv), input=stdin, capture_output=True, timeout=timeout, check=False
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    @property
    def _environment(self) -> tuple[str, ...]:
        return f"PATH={self.folder}/bin:{os.environ['PATH']}", f"NODE={self.folder}"
