"""The image data that recovery points need: every blob once, however many points share it.

Some 60 bytes for each blob are kept in memory. The list is also kept in the vault, for looks that open nothing.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

import zstandard

from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.sealed_blobs import plain_key
from runbook.domain.snapshot import digest_of_key
from runbook.remote.packed_lines import PackedLines, unpacked
from runbook.remote.vault import NotThereError, Vault


class WantedBlob(NamedTuple):
    """A blob that must be in the vault, and the newest point that needs it."""

    key: str  # relative to the cluster's folder
    size: int
    kept: str  # the MD5 of its content where it is known
    sha256: str  # the digest of its content where it is known
    point: str
    stored: int = 0  # bytes in the vault, where they are not `size`: of an encrypted blob

    def to_line(self) -> str:
        """Return it as one line."""
        sha256 = "" if digest_of_key(self.key) else self.sha256
        return f"{self.key}\t{self.size}\t{self.kept}\t{sha256}\t{self.point}\t{self.stored}"

    @classmethod
    def from_line(cls, line: str) -> "WantedBlob":
        """Return the blob that `to_line` wrote; a ValueError says that it is none."""
        key, size, kept, sha256, point, stored = line.split("\t")
        return cls(key, int(size), kept, sha256 or _promised(key), point, int(stored))


class WantedBlobs:
    """Blobs in byte order of their keys."""

    def __init__(self, blobs: Iterable[WantedBlob] = ()) -> None:
        """Begin with `blobs`, which ascend."""
        self.lines = PackedLines(blob.to_line() for blob in blobs)

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[WantedBlob]:
        return (WantedBlob.from_line(line) for line in self.lines)

    def merged(self, others: Iterable[WantedBlob]) -> "WantedBlobs":
        """Return these and the others: of one that is in both, the newest point and whatever is known of it."""
        rest: list[WantedBlob] = []  # the few out of order: objects kept outside the blobs' own folder
        merged = self._with(_ascending(others, rest))
        return merged._with(sorted(rest)) if rest else merged

    def _with(self, others: Iterable[WantedBlob]) -> "WantedBlobs":
        every = heapq.merge(self, others)
        return WantedBlobs(_one_of(list(same)) for _, same in groupby(every, key=lambda blob: blob.key))


def blobs_of(index: Iterable[IndexEntry], point: str, digests: Mapping[str, str]) -> Iterator[WantedBlob]:
    """Yield the blobs of an index; `digests` has those of id-named blobs by their id."""
    for entry in index:
        if entry.held is Held.BLOB:
            sha256 = entry.sha256 or _promised(entry.key) or digests.get(id_of(entry.key), "")
            digest = sha256.removeprefix("sha256:")
            yield WantedBlob(entry.key, entry.size, entry.kept, digest, point, entry.stored)


def id_of(key: str) -> str:
    """Return how the registry names the blob that is kept under `key`."""
    return plain_key(key).rpartition("/")[2]


def save_wanted(vault: Vault, cluster: str, wanted: WantedBlobs) -> None:
    """Keep the list in the vault for the looks to come."""
    vault.put_bytes(_key(cluster), wanted.lines.packed())


def saved_wanted(vault: Vault, cluster: str) -> WantedBlobs | None:
    """Return the list that the last run kept, None if there is none that can be read."""
    try:
        with vault.open(_key(cluster)) as stream:
            return WantedBlobs(WantedBlob.from_line(line) for line in unpacked(stream))
    except (NotThereError, ValueError, zstandard.ZstdError):
        return None


def _ascending(blobs: Iterable[WantedBlob], rest: list[WantedBlob]) -> Iterator[WantedBlob]:
    """Yield those that ascend, and put the others into `rest`."""
    last = ""
    for blob in blobs:
        if blob.key >= last:
            last = blob.key
            yield blob
        else:
            rest.append(blob)


def _one_of(same: list[WantedBlob]) -> WantedBlob:
    if len(same) == 1:
        return same[0]
    newest = max(same, key=lambda blob: blob.point)
    kept = newest.kept or next((blob.kept for blob in same if blob.kept), "")
    sha256 = newest.sha256 or next((blob.sha256 for blob in same if blob.sha256), "")
    stored = newest.stored or next((blob.stored for blob in same if blob.stored), 0)
    return newest._replace(kept=kept, sha256=sha256, stored=stored)


def _promised(key: str) -> str:
    return (digest_of_key(key) or "").removeprefix("sha256:")


def _key(cluster: str) -> str:
    return f"{cluster}/verifications/blobs.zst"
