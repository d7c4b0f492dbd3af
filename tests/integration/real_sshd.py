"""OpenSSH's own sshd on a free port of 127.0.0.1, for what needs no more of a node than commands and files."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.host_tools import ensure_program
from runbook.remote.ssh import SshTarget
from runbook.remote.waiting import wait_until
from tests.fakes.ssh_server import KeyPair

_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


@contextmanager
def real_sshd(folder: Path, options: str = "") -> Iterator[SshTarget]:
    """Yield where it listens and what opens it, with more `options` of its own; it is ended afterwards."""
    ensure_program("sshd", "openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
    host, user, port = KeyPair(), KeyPair(), _free_port()
    (folder / "host").touch(mode=0o600)
    (folder / "host").write_text(host.private.get_secret_value())
    (folder / "authorized").write_text(f"{user.public}\n")
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder) + options)
    sshd = shutil.which("sshd") or "sshd"
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    login = pwd.getpwuid(os.geteuid()).pw_name
    try:
        wait_until(lambda: _why_not_listening(port), where="sshd", timeout=20, poll=0.1)
        yield SshTarget("node", "127.0.0.1", port, login, host.public, user.private)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _why_not_listening(port: int) -> str | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError as exc:
        return str(exc)
    return None
