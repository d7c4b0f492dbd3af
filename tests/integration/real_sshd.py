"""OpenSSH's own sshd on a free port of 127.0.0.1, for what needs no more of a node than commands and files."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lab.host_tools import ensure_program
from runbook.remote.ssh import SshTarget
from runbook.remote.waiting import wait_until
from tests.fakes.ssh_server import KeyPair

OPERATOR = "operator"
_SEEN_AS = Path("/mnt")  # the folder of a site with an operator, as its sshd sees it
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
LogLevel VERBOSE
"""
_PRIVATE = """
set -e
mount --make-rprivate /
mount --bind "$1" /mnt
for file in passwd shadow sudoers; do mount --bind "$1/$file" "/etc/$file"; done
shift
exec "$@"
"""


@dataclass(frozen=True)
class SshdSite:
    """An sshd that runs: what opens it, and what it logged."""

    target: SshTarget
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def logins(self) -> int:
        return self.log.count("Accepted publickey for ")


@contextmanager
def real_sshd(folder: Path, options: str = "") -> Iterator[SshTarget]:
    """Yield where it listens and what opens it, with more `options` of its own; it is ended afterwards."""
    with sshd_site(folder, options) as site:
        yield site.target


@contextmanager
def sshd_site(folder: Path, options: str = "") -> Iterator[SshdSite]:
    """Yield an sshd with further options, which opens to this process's own user."""
    login = pwd.getpwuid(os.geteuid()).pw_name
    with _running(folder, folder, login, options, ()) as site:
        yield site


@contextmanager
def site_of_operator(
    folder: Path, sudoers: str = "", bashrc: str = "", shell: str = "/bin/bash"
) -> Iterator[SshdSite]:
    """Yield an sshd on a machine with a login that is not root; no file of this machine itself is changed."""
    ensure_program("sudo", "sudo")
    home = folder / "home"
    home.mkdir()
    (home / ".bashrc").write_text(bashrc)
    (folder / "bin").mkdir()
    entry = f"{OPERATOR}:x:4711:65534::{_SEEN_AS}/home:{shell}\n"
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + entry)
    (folder / "shadow").write_text(Path("/etc/shadow").read_text() + f"{OPERATOR}:*:19000:0:99999:7:::\n")
    (folder / "sudoers").write_text(
        f"Defaults secure_path={_SEEN_AS}/bin:/usr/sbin:/usr/bin:/bin\n{sudoers}\n"
    )
    (folder / "sudoers").chmod(0o440)
    (folder / "shadow").chmod(0o640)
    folder.chmod(0o755)
    for path in (home, home / ".bashrc"):
        os.chown(path, 4711, 65534)
    private = ("unshare", "--mount", "sh", "-c", _PRIVATE, "sh", str(folder))
    with _running(folder, _SEEN_AS, OPERATOR, "", private) as site:
        yield site


@contextmanager
def _running(
    folder: Path, seen_as: Path, login: str, options: str, wrapper: tuple[str, ...]
) -> Iterator[SshdSite]:
    ensure_program("sshd", "openssh-server")
    Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
    host, user, port = KeyPair(), KeyPair(), _free_port()
    (folder / "host").touch(mode=0o600)
    (folder / "host").write_text(host.private.get_secret_value())
    (folder / "authorized").write_text(f"{user.public}\n")
    (folder / "config").write_text(_CONFIG.format(port=port, folder=seen_as) + options)
    command = [*wrapper, shutil.which("sshd") or "sshd", "-D", "-e", "-f", str(seen_as / "config")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        wait_until(lambda: _why_not_listening(port), where="sshd", timeout=20, poll=0.1)
        yield SshdSite(SshTarget("node", "127.0.0.1", port, login, host.public, user.private), folder)
    finally:
        process.terminate()
        process.wait()


def behind(jump: SshdSite, node: SshTarget) -> SshTarget:
    """Return the node as it is reached through a jump host that its key opens too."""
    with (jump.folder / "authorized").open("a") as file:
        assert node.private_key
        file.write(f"{KeyPair(node.private_key.get_secret_value()).public}\n")
    place = replace(jump.target, name="jump host 127.0.0.1", private_key=node.private_key)
    return replace(node, jump=place)


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
