"""The lab's secrets, and where they must never be seen."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.identity import read_secret

NAMES = ("control-plane-password", "storage-secret-key", "vault-secret-key", "age-identity")
_EVERY = 0.05


def secrets_of_the_lab() -> dict[str, str]:
    """Return each secret by its name."""
    return {name: read_secret(name) for name in NAMES}


def assert_no_secret_in(*texts: str) -> None:
    """Check that no text holds a secret; a failure names it and does not show it."""
    seen = sorted({name for text in texts for name, value in secrets_of_the_lab().items() if value in text})
    assert not seen, f"{', '.join(seen)} can be read"


@dataclass
class CommandLines:
    """Samples the arguments of every process on this machine, those inside the lab's nodes included."""

    secrets: dict[str, str] = field(default_factory=secrets_of_the_lab)
    exposed: set[str] = field(default_factory=set)  # names of secrets that were seen
    programs: set[str] = field(default_factory=set)  # command lines that name the bootstrapper

    def __enter__(self) -> Self:
        """Sample until the block is left."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the sampling."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY):
            for folder in Path("/proc").iterdir():
                if folder.name.isdecimal():
                    self._judge(_command_line(folder))

    def _judge(self, line: str) -> None:
        self.exposed |= {name for name, value in self.secrets.items() if value in line}
        if "UCP_PASSWORD" in line or "registry.bootstrapper" in line:
            self.programs.add(line)


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return ""
