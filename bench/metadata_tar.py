"""A metadata archive as large as wanted, from three files: the far side sends head, body as often as needed, tail.

It is neither zeros nor noise: many small rows, large rows of text, and keys and charts that do not compress. Rows that
the proof reads are in the head, once. The same seed makes the same bytes.
"""

import base64
import io
import json
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
BODY = 1024 * MEBIBYTE
ROOT = "dtr-backup-v2.9.29-online/rethink"
END = bytes(2 * tarfile.BLOCKSIZE)
_TEXT = 16 * MEBIBYTE  # further apart than zstd looks back, so that no text is found again
_TAGS = 2000
_SHARES = (
    (0.12, "events", 700, 1400),
    (0.60, "scanned_layers", 40_000, 200_000),
    (0.28, "tuf_files", 8000, 60_000),
)
_WORDS = [
    "push",
    "scan",
    "layer",
    "critical",
    "openssl",
    "glibc",
    "fixed",
    "affects",
    "package",
    "version",
    "high",
]


@dataclass(frozen=True)
class Archive:
    """Its three files."""

    head: Path
    body: Path
    tail: Path

    def sent_by(self, times: int) -> tuple[str, ...]:
        """Return the command that writes an archive with the body `times` times."""
        return ("cat", str(self.head), *[str(self.body)] * times, str(self.tail))

    def size(self, times: int) -> int:
        """Return the bytes of that archive."""
        return self.head.stat().st_size + times * self.body.stat().st_size + self.tail.stat().st_size


def write_archive(folder: Path, body: int = BODY) -> Archive:
    """Leave the three files in `folder`; the body has about `body` bytes."""
    archive = Archive(folder / "head.tar", folder / "body.tar", folder / "tail.tar")
    random_ = random.Random(3)  # noqa: S311 - the same bytes each time, no secret
    _write(archive.head, _head())
    _write(archive.body, _body(random_, body))
    archive.tail.write_bytes(END)
    return archive


def member(name: str, data: bytes) -> bytes:
    """Return one row as it stands in the archive."""
    file = tarfile.TarInfo(f"{ROOT}/{name}")
    file.size, file.mode = len(data), 0o600
    return file.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _write(path: Path, rows: Iterator[tuple[str, bytes]]) -> None:
    with path.open("wb") as file:
        for name, data in rows:
            file.write(member(name, data))


def _head() -> Iterator[tuple[str, bytes]]:
    for number in range(_TAGS):
        digest = f"sha256:{number:064x}"
        tag = {"pk": f"org/app:{number}", "repository": "org/app", "name": str(number), "digest": digest}
        yield f"tags/{number}", json.dumps(tag).encode()


def _body(random_: random.Random, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield rows of all kinds in turn until they fill `size` bytes."""
    text, noise = _text(random_), base64.b64encode(random_.randbytes(_TEXT))
    written = [0.0] * len(_SHARES)
    number = 0
    while sum(written) < size:
        kind = min(range(len(_SHARES)), key=lambda kind: written[kind] / _SHARES[kind][0])
        _, table, least, most = _SHARES[kind]
        length = random_.randint(least, most)
        start = random_.randrange(_TEXT - length)
        yield f"{table}/{number}", (noise if table == "tuf_files" else text)[start : start + length]
        written[kind] += length + tarfile.BLOCKSIZE
        number += 1


def _text(random_: random.Random) -> bytes:
    """Return rows as JSON text, one after the other."""
    text = io.BytesIO()
    while text.tell() < _TEXT:
        row = {
            "digest": random_.randbytes(16).hex(),
            "at": random_.random(),
            "what": random_.sample(_WORDS, 8),
        }
        text.write(json.dumps(row).encode() + b"\n")
    return text.getvalue()
