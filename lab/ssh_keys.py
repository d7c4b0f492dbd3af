"""The operator's SSH key pair and a pinned host key for every machine with an sshd."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.files import write_secret
from lab.paths import SSH
from lab.topology import EVERY_MACHINE, Machine, Topology

USER_KEY = "id_ed25519"


def make_ssh_keys(topology: Topology, folder: Path = SSH) -> None:
    """Leave a user key, a host key per machine and a known_hosts file in the folder."""
    _make_pair(folder / USER_KEY, "runbook-lab")
    machines = [machine for machine in EVERY_MACHINE if machine.has_ssh]
    for machine in machines:
        _make_pair(folder / f"host-{machine.name}", machine.name)
    lines = [f"{topology.address(machine)} {host_key(machine, folder)}\n" for machine in machines]
    (folder / "known_hosts").write_text("".join(lines))


def host_key(machine: Machine, folder: Path = SSH) -> str:
    """Return the machine's public host key as ``ssh-ed25519 AAAA…``."""
    words = (folder / f"host-{machine.name}.pub").read_text().split()
    return " ".join(words[:2])


def _make_pair(path: Path, comment: str) -> None:
    """Leave a private key in OpenSSH's format and its public half beside it."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write_secret(path, private.decode())
    path.with_name(path.name + ".pub").write_text(f"{public.decode()} {comment}\n")
