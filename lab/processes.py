"""Programs that outlive the command that started them, known by id, start time and command line."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.paths import ROOT
from lab.waiting import wait_until
from runbook.domain.errors import NotReadyError

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Process:
    """A started program. The start time tells it from a later process with the same id."""

    pid: int
    started: str
    program: str

    @property
    def alive(self) -> bool:
        """Whether this very program still runs."""
        return _start_time(self.pid) == self.started and self.program in _command_line(self.pid)


def start(program: Sequence[str], pid_file: Path, log: Path, environment: Mapping[str, str]) -> Process:
    """Leave the program running in a session of its own and its identity in the pid file."""
    for path in (pid_file, log):
        path.parent.mkdir(parents=True, exist_ok=True)
    launched = subprocess.run(
        [sys.executable, str(_LAUNCHER), str(log), str(ROOT), *program],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pid = int(launched.stdout)
    process = Process(pid, _start_time(pid) or "", " ".join(program[1:]))
    pid_file.write_text(json.dumps(asdict(process)) + "\n")
    return process


def running(pid_file: Path) -> Process | None:
    """Return the program of the pid file if it still runs."""
    if not pid_file.exists():
        return None
    process = Process(**json.loads(pid_file.read_text()))
    return process if process.alive else None


def stop(pid_file: Path, *, seconds: float = 20) -> bool:
    """Leave neither the program nor its children; return whether it ran."""
    process = running(pid_file)
    if process is not None:
        os.kill(process.pid, signal.SIGTERM)
        with suppress(NotReadyError):
            _wait_for_end(process, seconds)
        _kill_group(process.pid)
    pid_file.unlink(missing_ok=True)
    return process is not None


def _wait_for_end(process: Process, seconds: float) -> None:
    """Return when the program is gone."""
    wait_until(
        lambda: "it still runs" if process.alive else None,
        f"process {process.pid}",
        "end it by hand",
        seconds=seconds,
        every=0.1,
    )


def started_at(pid_file: Path) -> dt.datetime:
    """Return when the program of the pid file was started."""
    return dt.datetime.fromtimestamp(pid_file.stat().st_mtime, dt.UTC)


def _kill_group(leader: int) -> None:
    """Leave no process of the group; the group's id cannot be reused while a member lives."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _start_time(pid: int) -> str | None:
    """Return the kernel's start time of a process, None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]


def _command_line(pid: int) -> str:
    """Return the arguments of a process, separated by blanks."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
