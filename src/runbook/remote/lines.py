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
    """Keeps the beginning and the end of a stream, each up to a limit; what lies between may be any size."""

    def __init__(self, limit: int = LONGEST_LINE) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = False

    @property
    def data(self) -> bytes:
        """What was kept, with dots where something was dropped."""
        return bytes(self._head) + (b" ... " if self._dropped else b"") + bytes(self._tail)

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        room = self._limit - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._limit:
            self._dropped = True
            del self._tail[: -self._limit]

    def finish(self) -> None:
        """Change nothing: what is kept is kept already."""
