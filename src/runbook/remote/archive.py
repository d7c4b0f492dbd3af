"""The metadata archive, on its way into the vault and back, as one stream.

bootstrapper → SHA-256 and tar walk → zstd → age → vault: no temporary disk, and memory that does not grow with the
archive. One thread reads, hashes and walks, one encrypts and stores; zstd compresses in its own. The result opens
with `age -d | zstd -d | tar x`.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import BinaryIO, cast

import zstandard
from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.metadata import ArchiveSummary
from runbook.domain.metadata_rows import TABLES_READ, References
from runbook.domain.recovery import StoredPart
from runbook.remote.encryption import Sink, Source, decrypt_stream, encrypt_stream
from runbook.remote.read_ahead import ReadAhead
from runbook.remote.tar_walker import TarWalker
from runbook.remote.vault import Vault

CHUNK = 1024 * 1024
LEVEL = 3
THREADS = 2
_JOB = 1024 * 1024  # zstd's own choice costs 90 MB more and compresses by 1 % better


class Tee:
    """Passes bytes on while it hashes and counts them; stands as a source or as a sink."""

    def __init__(self, source: Source | None = None, sink: Sink | None = None) -> None:
        """Read from `source`, or write to `sink`."""
        self._source, self._sink = source, sink
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The digest of what went by."""
        return self._digest.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        """Return the source's next bytes."""
        data = self._source.read(size) if self._source else b""
        self._note(data)
        return data

    def write(self, data: bytes, /) -> int:
        """Pass `data` to the sink."""
        self._note(data)
        return self._sink.write(data) if self._sink else len(data)

    def flush(self) -> None:
        """Leave it to the sink's owner."""

    def close(self) -> None:
        """Close the source, where it can be closed."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def _note(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)


class _Walk(Tee):
    """A tee whose bytes are also walked as a tar, and summed up afterwards."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._references = References()
        self._walker = TarWalker(TABLES_READ, self._references.add)

    def _note(self, data: bytes) -> None:
        super()._note(data)
        self._walker.feed(data)

    def summary(self, stored: Tee) -> ArchiveSummary:
        return ArchiveSummary(
            sha256_plain=self.sha256,
            sha256_stored=stored.sha256,
            bytes_plain=self.size,
            bytes_stored=stored.size,
            root=self._walker.root,
            tables=self._walker.tables,
            ended_properly=self._walker.ended_properly,
            trouble=tuple(self._walker.trouble),
            references=self._references,
        )


def stream_metadata(source: Source, sink: Sink, recipients: Sequence[str]) -> ArchiveSummary:
    """Carry the bootstrapper's tar into `sink` and return what went by; judging it is `why_not_complete`."""
    plain, stored = _Walk(source), Tee(sink=sink)
    with ReadAhead(plain, CHUNK) as ahead:
        encrypt_stream(_compressed(ahead), stored, recipients)
    return plain.summary(stored)


def seal_stream(source: Source, sink: Sink, recipients: Sequence[str]) -> StoredPart:
    """Carry any stream into `sink`, compressed and encrypted, and return its numbers."""
    plain, stored = Tee(source), Tee(sink=sink)
    encrypt_stream(_compressed(plain), stored, recipients)
    return StoredPart(stored.size, stored.sha256, plain.size, plain.sha256)


def part_of(summary: ArchiveSummary) -> StoredPart:
    """Return the numbers of an archive as the manifest names them."""
    return StoredPart(summary.bytes_stored, summary.sha256_stored, summary.bytes_plain, summary.sha256_plain)


def read_metadata(vault: Vault, key: str, identity: SecretStr) -> BinaryIO:
    """Return the plain tar as a stream, for the bootstrapper's standard input; the caller closes it."""
    return opened(vault.open(key), identity, f"{vault.where}/{key}")


def opened(stored: BinaryIO, identity: SecretStr, where: str) -> BinaryIO:
    """Return the plain bytes of a compressed and encrypted stream; closing it closes `stored`."""
    plain = decrypt_stream(stored, identity, where)
    reader = zstandard.ZstdDecompressor().stream_reader(plain, read_size=CHUNK, closefd=True)
    return io.BufferedReader(_Plain(reader, where), CHUNK)


def summarize_metadata(source: Source) -> ArchiveSummary:
    """Return what a plain tar holds, reading it to its end."""
    plain = _Walk(source)
    while plain.read(CHUNK):
        pass
    return plain.summary(stored=Tee())


def _compressed(source: Source) -> Source:
    shape = zstandard.ZstdCompressionParameters.from_level(LEVEL, threads=THREADS, job_size=_JOB)
    compressor = zstandard.ZstdCompressor(compression_params=shape)
    return cast("Source", compressor.stream_reader(cast("BinaryIO", source), read_size=CHUNK))


class _Plain(io.RawIOBase):
    """Gives zstd's error the name of the object."""

    def __init__(self, reader: "zstandard.ZstdDecompressionReader", where: str) -> None:
        super().__init__()
        self._reader, self._where = reader, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        try:
            return self._reader.readinto(buffer)
        except zstandard.ZstdError as exc:
            raise MismatchError(
                self._where, f"it cannot be decompressed: {exc}", "choose another point"
            ) from exc

    def close(self) -> None:
        if not self.closed:
            self._reader.close()  # type: ignore[no-untyped-call]  # its stub has no annotation
        super().close()
