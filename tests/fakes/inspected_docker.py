"""The ssh transport's command on this machine, with a `docker` that keeps what `docker inspect` would show."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.remote.ssh_transport import make_run_command, secret_lines
from runbook.remote.transport import ContainerRun, ContainerSeen, Observation, VolumeSeen
from tests.fakes.local_transport import LocalCommand

_DOCKER = f"""#!{sys.executable}
import json, os, sys
words, shown = sys.argv[2:], {{"Env": [], "Labels": [], "Binds": []}}
alone = {{"--rm", "-i"}}
kept = {{"--env": "Env", "--label": "Labels", "--volume": "Binds", "--security-opt": "Options", "--name": "Name"}}
while words[0].startswith("-"):
    option = words.pop(0)
    if option not in alone:
        shown.setdefault(kept.get(option, option), []).append(words.pop(0))
shown["Env"] = [e if "=" in e else e + "=" + os.environ[e] for e in shown["Env"]]
shown["Image"], shown["Cmd"] = words[0], words[1:]
json.dump(shown, open(os.environ["SHOWN"], "w"))
"-i" in sys.argv and sys.stdin.buffer.read()
print("INFO[0001] Replica ID is set to: aaaaaaaaaaaa", file=sys.stderr)
"""


@dataclass
class InspectedTransport:
    """Starts each run as the ssh transport does on a manager."""

    folder: Path
    name: str = "ssh"

    def __post_init__(self) -> None:
        docker = self.folder / "docker"
        docker.write_text(_DOCKER)
        docker.chmod(0o755)

    @property
    def shown(self) -> dict[str, Any]:
        """What `docker inspect` shows of the last container."""
        document: dict[str, Any] = json.loads((self.folder / "shown").read_text())
        return document

    def start(self, run: ContainerRun, on_stderr: Callable[[str], None]) -> LocalCommand:
        process = subprocess.Popen(
            make_run_command("runbook-1", run),
            env={"PATH": f"{self.folder}:{os.environ['PATH']}", "SHOWN": str(self.folder / "shown")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        command = LocalCommand(process, on_stderr)
        command.write(secret_lines("ucp1", run))
        return command

    def containers(self, name_prefix: str = "dtr-") -> Observation[ContainerSeen]:
        return Observation((), {})

    def volumes(self, name_prefix: str = "dtr-") -> Observation[VolumeSeen]:
        return Observation((), {})

    def close(self) -> None:
        """Nothing is open."""
