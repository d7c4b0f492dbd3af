"""Programs that outlive the command that started them, known by id, start time and command line."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from lab.paths import ROOT
from lab.waiting import wait_until
from runbook.domain.errors import NotReadyError

_LAUNCHER = Path(__file__).with_name("launcher.py")
_KILLED_WITHIN = 10.0
"""Seconds within which the kernel has ended what was killed."""


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
            _wait_while(lambda: process.alive, process.pid, seconds)
        _kill_group(process.pid)
    pid_file.unlink(missing_ok=True)
    return process is not None


@contextmanager
def stopped(pid_file: Path) -> Iterator[None]:
    """Keep the program from noticing anything inside the block."""
    process = running(pid_file)
    if process:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if process and process.alive:
            os.kill(process.pid, signal.SIGCONT)


def kill(pid_file: Path) -> None:
    """Leave neither the program nor its group, and give them no time to tidy up."""
    if process := running(pid_file):
        _kill_group(process.pid)


def with_variables(*beginnings: str) -> list[int]:
    """Return the processes in whose environment a variable begins with each of these."""
    environments = {
        int(path.parent.name): _environment(path) for path in Path("/proc").glob("[0-9]*/environ")
    }
    return [pid for pid, seen in environments.items() if all(f"\0{wanted}" in seen for wanted in beginnings)]


def group_members(leader: int) -> list[int]:
    """Return the processes, zombies aside, whose group `leader` began."""
    stats = {int(path.parent.name): _stat(path) for path in Path("/proc").glob("[0-9]*/stat")}
    return [pid for pid, stat in stats.items() if stat and stat.group == leader]


def started_at(pid_file: Path) -> dt.datetime:
    """Return when the program of the pid file was started."""
    return dt.datetime.fromtimestamp(pid_file.stat().st_mtime, dt.UTC)


def _kill_group(leader: int) -> None:
    """Leave no process of the group; the group's id cannot be reused while a member lives."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    _wait_while(lambda: bool(group_members(leader)), leader, _KILLED_WITHIN)


def _wait_while(running: Callable[[], bool], leader: int, seconds: float) -> None:
    """Return when it runs no more."""
    wait_until(
        lambda: "it still runs" if running() else None,
        f"process {leader}",
        "end it by hand",
        seconds=seconds,
        every=0.1,
    )


class _Stat(NamedTuple):
    """What the kernel says of a process that runs."""

    group: int
    started: str


def _stat(path: Path) -> _Stat | None:
    """Return what a `/proc/<id>/stat` says, None when the process is gone or a zombie."""
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else _Stat(int(fields[2]), fields[19])


def _environment(path: Path) -> str:
    """Return the variables of a process, each between two zero bytes; nothing when it is gone."""
    try:
        return f"\0{path.read_bytes().decode(errors='replace')}\0"
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def _start_time(pid: int) -> str | None:
    """Return the kernel's start time of a process, None when it is gone or a zombie."""
    stat = _stat(Path(f"/proc/{pid}/stat"))
    return stat.started if stat else None


def _command_line(pid: int) -> str:
    """Return the arguments of a process, separated by blanks."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
