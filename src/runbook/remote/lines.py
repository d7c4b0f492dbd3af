"""Where the bytes of a standard error stream go: whole lines, or one piece."""

from collections.abc import Callable
from typing import Protocol

LONGEST_LINE = 64 * 1024


class Sink(Protocol):
    """Takes the bytes of a stream as they come."""

    def feed(self, data: bytes) -> None:
        """Take more bytes."""

    def finish(self) -> None:
        """Take notice that the stream has ended."""


class LineSplitter:
    """Hands each whole line to a callback; a line without an end is handed over when it grows too long."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take more bytes; every line that they complete has been handed over."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._hand_over(line)
        if len(self._rest) > LONGEST_LINE:
            self.finish()

    def finish(self) -> None:
        """Hand over what is left at the end of the stream."""
        if self._rest:
            self._hand_over(self._rest)
            self._rest = b""

    def _hand_over(self, line: bytes) -> None:
        self._on_line(line.rstrip(b"\r").decode(errors="replace"))


class Collector:
    """Keeps everything."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, data: bytes) -> None:
        """Keep more bytes."""
        self.data.extend(data)

    def finish(self) -> None:
        """Change nothing: all of it is kept already."""
