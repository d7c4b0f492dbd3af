"""The index of an image snapshot: compact in memory, and as an object of the vault.

A million entries are kept as compressed lines, some 60 MB, and read again as often as they are needed.
"""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.formats import refuse_newer
from runbook.domain.image_index import INDEX_FORMAT, IndexEntry
from runbook.domain.recovery import StoredPart
from runbook.remote.archive import read_metadata, seal_stream
from runbook.remote.packed_lines import LINES_PER_FRAME, PackedLines
from runbook.remote.vault import Vault


class ImageIndex:
    """Entries in the order they were added."""

    def __init__(self, entries: Iterable[IndexEntry] = ()) -> None:
        """Begin with `entries`."""
        self._packed = PackedLines()
        for entry in entries:
            self.append(entry)

    def append(self, entry: IndexEntry) -> None:
        """Add an entry."""
        self._packed.append(entry.to_line())

    def __len__(self) -> int:
        return len(self._packed)

    def __reduce__(self) -> tuple[type["ImageIndex"], tuple[list[IndexEntry]]]:
        return ImageIndex, (list(self),)

    def __iter__(self) -> Iterator[IndexEntry]:
        return (IndexEntry.from_line(line) for line in self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the entries in their stored form."""
        return iter(self._packed)


def write_index(vault: Vault, key: str, index: ImageIndex, recipients: Sequence[str]) -> StoredPart:
    """Store the index under `key`, once, and return its numbers."""
    with vault.writer(key) as sink:
        return seal_stream(_Lines(index), sink, recipients)


def read_index(vault: Vault, key: str, identity: SecretStr) -> Iterator[IndexEntry]:
    """Yield the entries of a stored index; a cut or damaged one raises MismatchError."""
    with read_metadata(vault, key, identity) as stream:
        yield from parse_index(stream, f"{vault.where}/{key}")


def parse_index(stream: BinaryIO, where: str) -> Iterator[IndexEntry]:
    """Yield the entries of the plain stream of an index."""
    count = 0
    try:
        _check_header(json.loads(stream.readline() or b"{}"), where)
        for line in stream:
            if line.startswith(b'{"entries":'):
                if json.loads(line)["entries"] != count:
                    raise ValueError(f"its footer does not count {count} entries")
                return
            yield IndexEntry.from_line(line)
            count += 1
    except (ValueError, KeyError, TypeError) as exc:
        raise MismatchError(where, f"the index is damaged: {exc}", "choose another recovery point") from exc
    raise MismatchError(where, f"the index ends after {count} entries", "choose another recovery point")


def _check_header(header: dict[str, object], where: str) -> None:
    version = header.get("format")
    if not isinstance(version, int):
        raise ValueError("it has no header")
    refuse_newer(where, "the index", version, INDEX_FORMAT)


class _Lines:
    """The stored form as a source, made while it is read."""

    def __init__(self, index: ImageIndex) -> None:
        self._pieces = self._text(index)
        self._buffer = io.BytesIO()

    def read(self, size: int = -1, /) -> bytes:
        while not (data := self._buffer.read(size)):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._buffer = io.BytesIO(piece)
        return data

    def _text(self, index: ImageIndex) -> Iterator[bytes]:
        yield json.dumps({"format": INDEX_FORMAT}).encode() + b"\n"
        batch: list[str] = []
        for line in index.lines():
            batch.append(line)
            if len(batch) == LINES_PER_FRAME:
                yield "\n".join(batch).encode() + b"\n"
                batch.clear()
        footer = json.dumps({"entries": len(index)}, separators=(",", ":"))
        yield "\n".join([*batch, footer]).encode() + b"\n"
