"""What every process of this machine shows: its arguments and its environment, inside the lab's nodes too."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY = 0.05


@dataclass
class ProcessWatch:
    """Samples all processes until the block is left; keeps the names of secrets and never their values."""

    secrets: dict[str, str]
    exposed: set[str] = field(default_factory=set)  # secrets in arguments
    held: set[tuple[str, str]] = field(default_factory=set)  # secrets in environments, with the variable
    programs: set[str] = field(default_factory=set)  # command lines that name the bootstrapper
    _known: set[tuple[str, str]] = field(default_factory=set)

    def __enter__(self) -> Self:
        """Take note of what processes hold that were there before, and sample from now on."""
        _for_every("environ", self._judge_environment)
        self._known = set(self.held)
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
        self.held -= self._known

    def _run(self) -> None:
        while not self._ended.wait(_EVERY):
            _for_every("cmdline", self._judge_arguments)
            _for_every("environ", self._judge_environment)

    def _judge_arguments(self, line: bytes) -> None:
        text = line.replace(b"\0", b" ").decode(errors="replace")
        self.exposed |= {name for name, value in self.secrets.items() if value in text}
        if "UCP_PASSWORD" in text or "registry.bootstrapper" in text:
            self.programs.add(text)

    def _judge_environment(self, block: bytes) -> None:
        for entry in block.split(b"\0"):
            variable, _, value = entry.decode(errors="replace").partition("=")
            self.held |= {(name, variable) for name, secret in self.secrets.items() if secret in value}


def _for_every(file: str, judge: Callable[[bytes], None]) -> None:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            judge(_content(folder / file))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it ended while we looked
        return b""
