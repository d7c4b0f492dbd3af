"""A node whose commands run on this machine, with programs of the test's own before the real ones."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from runbook.remote.transport import Completed


class LocalConnection:
    """What an SshConnection is to who runs commands over it; `programs` are text of shell scripts by name."""

    def __init__(self, folder: Path, name: str = "dtr1") -> None:
        self.target = SimpleNamespace(name=name)
        self.count = 0
        self._folder = folder

    def program(self, name: str, text: str) -> None:
        """Leave a program that comes before the machine's own of that name."""
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def run(self, argv: Sequence[str], *, timeout: float = 60) -> Completed:
        """Run a command to its end."""
        self.count += 1
        env = os.environ | {"PATH": f"{self._folder}:{os.environ['PATH']}"}
        done = subprocess.run(argv, capture_output=True, check=False, env=env, timeout=timeout)
        return Completed(done.returncode, done.stdout, done.stderr)
