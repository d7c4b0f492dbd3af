"""What opens an sshd, as OpenSSH's own programs make it: encrypted keys, certificates, agents."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from runbook.remote.waiting import wait_until


def encrypted(folder: Path, private: SecretStr, passphrase: str) -> SecretStr:
    """Return the private key behind a passphrase."""
    file = write_key(folder, "encrypted", private)
    _keygen("-p", "-P", "", "-N", passphrase, "-f", str(file))
    return SecretStr(file.read_text())


def authority(folder: Path) -> Path:
    """Return the private key of a new certificate authority; its public half lies beside it."""
    file = folder / "authority"
    _keygen("-t", "ed25519", "-N", "", "-f", str(file))
    return file


def certificate(signer: Path, public: str, principal: str, valid: str = "-5m:+1h") -> str:
    """Return a certificate of the public key for one login."""
    file = signer.with_name("user.pub")
    file.write_text(f"{public}\n")
    _keygen("-s", str(signer), "-I", "test", "-n", principal, "-V", valid, str(file))
    return signer.with_name("user-cert.pub").read_text()


@contextmanager
def agent(folder: Path, *keys: SecretStr) -> Iterator[str]:
    """Yield the socket of an agent that holds the keys."""
    socket = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: None if socket.exists() else "no socket", where="agent", timeout=20, poll=0.05)
        for number, key in enumerate(keys):
            file = write_key(folder, f"held-{number}", key)
            environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
            subprocess.run(["ssh-add", "-q", str(file)], check=True, env=environment, capture_output=True)
        yield str(socket)
    finally:
        process.terminate()
        process.wait()


def write_key(folder: Path, name: str, private: SecretStr) -> Path:
    """Return a file with the private key that is its owner's alone."""
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(private.get_secret_value())
    return file


def _keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, capture_output=True)
