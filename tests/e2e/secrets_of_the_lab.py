"""The lab's secrets, and where they must never be seen."""

from dataclasses import dataclass, field
from pathlib import Path

from lab.identity import read_secret
from lab.paths import LAB
from tests.process_watch import ProcessWatch

NAMES = ("control-plane-password", "storage-secret-key", "vault-secret-key", "age-identity")
_PRIVATE_KEY = "PRIVATE KEY-----"


def secrets_of_the_lab() -> dict[str, str]:
    """Return each secret by its name; a private key is known by the longest line of its body."""
    return {name: read_secret(name) for name in NAMES} | _private_keys()


def assert_no_secret_in(*texts: str) -> None:
    """Check that no text holds a secret; a failure names it and does not show it."""
    seen = sorted({name for text in texts for name, value in secrets_of_the_lab().items() if value in text})
    assert not seen, f"{', '.join(seen)} can be read"


FORCED = {("control-plane-password", "UCP_PASSWORD")}
"""What the vendor's contract forces: the bootstrapper takes this secret from its environment, and no other way."""


@dataclass
class CommandLines(ProcessWatch):
    """Samples arguments and environments of every process for the lab's secrets."""

    secrets: dict[str, str] = field(default_factory=secrets_of_the_lab)


def _private_keys() -> dict[str, str]:
    """Return the SSH and TLS private keys below the lab's folder, each by its file."""
    files = [
        path for folder in ("ssh", "pki") for path in sorted((LAB / folder).rglob("*")) if path.is_file()
    ]
    return {f"key {path.relative_to(LAB)}": body for path in files if (body := _body(path))}


def _body(path: Path) -> str:
    text = path.read_text(errors="replace")
    lines = text.partition(_PRIVATE_KEY)[2].partition("-----")[0].split()
    return max(lines[1:], key=len, default="")  # an OpenSSH key's first line is the same in all
