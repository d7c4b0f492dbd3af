"""HAProxy of this machine with a folder of its own, behind a real sshd: reloaded as Debian's script does it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.host_tools import ensure_program
from runbook.remote.ssh import SshConnection
from tests.integration.real_sshd import real_sshd

_SERVICE = """#!/bin/sh
cd {folder}
run() {{ [ ! -e broken ] && haproxy -D -f haproxy.cfg -p pid "$@" && cat pid >>pids; }}
alive() {{ [ -e pid ] && kill -0 "$(cat pid)" 2>/dev/null; }}
case $2 in
status) alive ;;
reload) run -sf "$(cat pid)" ;;
restart) ! alive || kill "$(cat pid)"; run ;;
stop) ! alive || kill "$(cat pid)" ;;
*) exit 2 ;;
esac
"""


@dataclass
class LocalHaproxy:
    """HAProxy's file, and SSH to its machine."""

    folder: Path
    connection: SshConnection

    @property
    def path(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def process(self) -> str:
        """The process that takes new connections."""
        return (self.folder / "pid").read_text().strip()

    def break_reloads(self) -> None:
        (self.folder / "broken").touch()


@contextmanager
def local_haproxy(folder: Path) -> Iterator[LocalHaproxy]:
    """Yield one that has no configuration and does not run; whatever of it runs afterwards is ended."""
    ensure_program("haproxy", "haproxy")
    place, programs = folder / "haproxy", folder / "bin"
    for path in (place, programs):
        path.mkdir()
    (programs / "service").write_text(_SERVICE.format(folder=place))
    (programs / "service").chmod(0o755)
    options = f"SetEnv PATH={programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    try:
        with real_sshd(folder, options) as target, SshConnection(target) as connection:
            yield LocalHaproxy(place, connection)
    finally:
        _end(place)


def _end(place: Path) -> None:
    pids = place / "pids"
    for pid in pids.read_text().split() if pids.exists() else ():
        with suppress(OSError):
            if b"haproxy" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
