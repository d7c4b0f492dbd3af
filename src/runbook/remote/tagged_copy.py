"""Streaming an object whose entity tag is the MD5 of its content: nothing is committed unless it is what was read.

Blobs that are named by an id say nothing of their content, so without this a copy would carry damage on.
"""

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, cast

from runbook.domain.errors import MismatchError
from runbook.remote.copying import Copied, Readable, StreamedCopier, Wanted, Writable, is_md5
from runbook.remote.pace import Pace, unlimited

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TaggedCopier:
    """Reads here, hashes against the entity tag that is wanted, writes there."""

    def __init__(self, source: Readable, target: Writable, pace: Pace = unlimited) -> None:
        """Copy from `source` to `target`, no faster than `pace`."""
        self._source, self._target, self._pace = source, target, pace

    def copy(self, wanted: Wanted) -> Copied:
        """Copy in constant memory; nothing is committed unless size, digest and entity tag are right."""
        proven = is_md5(wanted.etag) and wanted.digest is None
        source = _Tagged(self._source, wanted.etag) if proven else self._source
        return StreamedCopier(source, self._target, self._pace).copy(wanted)


class _Tagged:
    """A source whose objects have one MD5."""

    def __init__(self, source: Readable, md5: str) -> None:
        self._source, self._md5 = source, md5

    def open(self, name: str, /) -> BinaryIO:
        return cast("BinaryIO", _Stream(self._source.open(name), self._md5, name))


class _Stream(io.RawIOBase):
    """Raises at its end when what went by has another MD5."""

    def __init__(self, stream: BinaryIO, md5: str, name: str) -> None:
        super().__init__()
        self._stream, self._wanted, self._name = stream, md5, name
        self._seen = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with memoryview(buffer).cast("B") as view:
            data = self._stream.read(len(view))
            view[: len(data)] = data
        self._seen.update(data)
        if not data and self._seen.hexdigest() != self._wanted:
            what = f"{self._name} has the MD5 {self._seen.hexdigest()}, not {self._wanted}"
            raise MismatchError(
                self._name, what, "the object is damaged where it came from; copy another point"
            )
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
