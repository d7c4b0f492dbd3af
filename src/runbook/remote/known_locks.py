"""Until when each blob is locked, as the last backup left it: 12 bytes a blob, so that not every blob is asked.

It is an aid and no record: where it is lost or damaged, every blob is looked at again.
"""

import hashlib
import json
import sys
from array import array
from bisect import bisect_left
from datetime import UTC, datetime

from runbook.domain.errors import MismatchError
from runbook.remote.vault import NotThereError, Vault

_FORMAT = 1
_NAME, _TIME = "Q", "I"
_BUCKETS, _SHIFT = 256, 56


class KnownLocks:
    """Blobs by the beginning of the digest of their key, each with the second until which it is locked."""

    def __init__(self) -> None:
        """Know nothing."""
        self._names = array(_NAME)
        self._until = array(_TIME)
        self._added = [(array(_NAME), array(_TIME)) for _ in range(_BUCKETS)]  # by their first byte

    def __len__(self) -> int:
        return len(self._names)

    def add(self, key: str, until: datetime) -> None:
        """Note one more for `to_bytes`; it is found once that was loaded."""
        name = _name(key)
        names, times = self._added[name >> _SHIFT]
        names.append(name)
        times.append(int(until.timestamp()))

    def until(self, key: str) -> datetime | None:
        """Return until when the blob is known to be locked, None where nothing is known."""
        name = _name(key)
        at = bisect_left(self._names, name)
        if at == len(self._names) or self._names[at] != name:
            return None
        return datetime.fromtimestamp(self._until[at], UTC)

    def to_bytes(self) -> bytes:
        """Return what was added as it is stored, in the order of the names; a bucket at a time, to save memory."""
        names, until = array(_NAME), array(_TIME)
        for bucket in self._added:
            for name, time in sorted(zip(*bucket, strict=True)):
                names.append(name)
                until.append(time)
        body = _portable(names) + _portable(until)
        header = {"format": _FORMAT, "blobs": len(names), "sha256": hashlib.sha256(body).hexdigest()}
        return json.dumps(header).encode() + b"\n" + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "KnownLocks":
        """Return what `to_bytes` wrote; a ValueError or KeyError says that it is nothing of the kind."""
        line, _, body = data.partition(b"\n")
        header = json.loads(line)
        if header["format"] != _FORMAT or header["sha256"] != hashlib.sha256(body).hexdigest():
            raise ValueError("it is damaged, or of another version")
        cut = header["blobs"] * array(_NAME).itemsize
        known = cls()
        known._names, known._until = _loaded(_NAME, body[:cut]), _loaded(_TIME, body[cut:])
        return known


def _key(cluster: str) -> str:
    return f"{cluster}/object-locks/blobs"


def load_known(vault: Vault, cluster: str) -> KnownLocks:
    """Return what the last backup left, nothing where that is lost or damaged."""
    try:
        return KnownLocks.from_bytes(vault.get_bytes(_key(cluster)))
    except (NotThereError, MismatchError, ValueError, KeyError, TypeError):
        return KnownLocks()


def save_known(vault: Vault, cluster: str, known: KnownLocks) -> None:
    """Leave it for the next backup."""
    vault.put_bytes(_key(cluster), known.to_bytes())


def _name(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])


def _portable(values: "array[int]") -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _loaded(kind: str, data: bytes) -> "array[int]":
    values = array(kind)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
