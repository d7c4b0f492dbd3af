"""A source that a thread reads ahead of its reader, so that neither waits for the other's every step."""

import queue
import threading
from types import TracebackType
from typing import Self

from runbook.remote.encryption import Source

CHUNKS = 8


class ReadAhead:
    """The bytes of a source in order; at most `CHUNKS` chunks are held, and one more is on its way.

    Leaving the block early leaves the thread to end with the source's current read, which only its owner can end.
    """

    def __init__(self, source: Source, chunk: int) -> None:
        """Begin to read `source`, `chunk` bytes at a time."""
        self._source, self._chunk = source, chunk
        self._chunks: queue.Queue[bytes | BaseException] = queue.Queue(CHUNKS)
        self._rest = b""
        self._ended = False
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; what the source raised is raised here."""
        if not self._rest and not self._ended:
            self._rest = self._take()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more from the thread."""
        self._abandoned.set()

    def _take(self) -> bytes:
        chunk = self._chunks.get()
        if isinstance(chunk, BaseException):
            self._ended = True
            raise chunk
        self._ended = not chunk
        return chunk

    def _run(self) -> None:
        try:
            while chunk := self._source.read(self._chunk):
                if not self._put(chunk):
                    return
            self._put(b"")
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the reader must know
            self._put(exc)

    def _put(self, chunk: bytes | BaseException) -> bool:
        """Hand the chunk over, or return False when nobody wants it any more."""
        while not self._abandoned.is_set():
            try:
                self._chunks.put(chunk, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
