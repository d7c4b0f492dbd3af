"""The index of an image snapshot: one line per object of the storage, and where its bytes are.

The stored form is JSON lines: a header with the format version, one entry per object in byte order of the
paths, and a footer with their number, so that a cut file is known to be cut.
"""

import base64
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

INDEX_FORMAT = 1


class Held(StrEnum):
    """Where the bytes of an object are."""

    BLOB = "blob"  # in the vault under `key`
    LINK = "link"  # they are the text of `target`
    INLINE = "inline"  # in the entry itself


class IndexEntry(NamedTuple):
    """One object of the storage; a tuple because there may be a million of them.

    `etag` is the storage's entity tag. `kept` is the entity tag of the vault's copy where that is the MD5 of its
    content, `sha256` the digest where the bytes were streamed; both are empty where unknown.
    """

    path: str
    size: int
    etag: str
    held: Held
    key: str = ""
    kept: str = ""
    sha256: str = ""
    target: str = ""
    data: bytes = b""
    stored: int = 0  # bytes in the vault, where they are not `size`: of an encrypted blob

    def to_line(self) -> str:
        """Return the entry as one line of JSON."""
        fields: dict[str, Any] = {k: v for k, v in self._asdict().items() if v or k == "size"}
        if self.data:
            fields["data"] = base64.b64encode(self.data).decode()
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str | bytes) -> "IndexEntry":
        """Return the entry that `to_line` wrote; a ValueError or KeyError says that it is none."""
        fields = json.loads(line)
        return cls(
            fields["path"],
            fields["size"],
            fields.get("etag", ""),
            Held(fields["held"]),
            fields.get("key", ""),
            fields.get("kept", ""),
            fields.get("sha256", ""),
            fields.get("target", ""),
            base64.b64decode(fields.get("data", "")),
            fields.get("stored", 0),
        )


def layout_of(namings: Iterable[str]) -> str:
    """Return how blobs are named: `standard` (sha256), `id-named` (id), `mixed`, or `empty` without a blob."""
    namings = sorted(set(namings))
    if len(namings) > 1:
        return "mixed"
    return {"sha256": "standard", "id": "id-named"}.get("".join(namings), "empty")
