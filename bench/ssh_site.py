"""A real sshd on 127.0.0.1 with keys and configuration of its own, for as long as a row needs it."""

import getpass
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.ports import free_port, wait_for_port
from lab.files import write_secret

_SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PrintMotd no
"""
_CLIENT = """\
Host node
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
  BatchMode yes
"""


@dataclass(frozen=True)
class SshSite:
    """Where it listens and what a client needs."""

    folder: Path
    port: int
    user: str

    @property
    def client_config(self) -> Path:
        """The configuration with which `ssh -F` reaches the host `node`."""
        return self.folder / "client.conf"

    @property
    def host_key(self) -> str:
        """The key that it presents."""
        return (self.folder / "host.pub").read_text().strip()


@contextmanager
def ssh_site(folder: Path) -> Iterator[SshSite]:
    """Serve the user of this process until the block ends."""
    folder.mkdir(parents=True)
    site = SshSite(folder, free_port(), getpass.getuser())
    _write(site)
    Path("/run/sshd").mkdir(exist_ok=True)
    program = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd.conf")]
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_port(site.port, "sshd")
        yield site
    finally:
        server.terminate()
        server.wait(10)


def _write(site: SshSite) -> None:
    _make_pair(site.folder / "host")
    _make_pair(site.folder / "user")
    words = {"folder": site.folder, "port": site.port, "user": site.user}
    (site.folder / "sshd.conf").write_text(_SSHD.format(**words))
    site.client_config.write_text(_CLIENT.format(**words))
    (site.folder / "known_hosts").write_text(f"[127.0.0.1]:{site.port} {site.host_key}\n")


def _make_pair(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    openssh = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    write_secret(path, private.decode())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_text(public.decode() + "\n")
