"""The proof of a recovery point: whatever a tag leads to is in the image snapshot, with the right size.

Every tag is followed to its manifest, through lists and indexes to theirs, and on to configs and
layers. Each of those must be an object of the snapshot. What the snapshot holds beyond that is an orphan, which
is harmless; what it lacks is a dangling reference, and then the point is not verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.metadata_rows import Descriptor, References, Tag
from runbook.domain.sealed_blobs import plain_key
from runbook.domain.snapshot import blob_key, id_key


@dataclass(frozen=True)
class MissingReference:
    """A reference that would dangle after a restore."""

    reference: str  # the tag through which it was reached
    digest: str
    what: str

    def __str__(self) -> str:
        return f"{self.reference}: {self.digest} {self.what}"


@dataclass(frozen=True)
class Proof:
    """What was checked; the point is verified only if nothing is missing."""

    references_checked: int
    missing: tuple[MissingReference, ...]
    orphans: int
    bytes: int  # of the blobs that tags lead to

    @property
    def holds(self) -> bool:
        """True when no reference dangles."""
        return not self.missing


@dataclass
class _Walk:
    """What the tags lead to: blobs wanted, and what the metadata itself lacks."""

    references: References
    visited: set[str] = field(default_factory=set)
    wanted: dict[str, tuple[int | None, str]] = field(default_factory=dict)  # digest -> size, reference
    missing: list[MissingReference] = field(default_factory=list)

    def follow(self, tag: Tag) -> None:
        """Follow a tag through all manifests below it."""
        waiting = [tag.digest]
        while waiting:
            digest = waiting.pop()
            place = f"{tag.repository}@{digest}"
            if place in self.visited:
                continue
            self.visited.add(place)
            content = self.references.contents.get(digest)
            if content is None or place not in self.references.manifests:
                self._lacks(tag, digest, f"is a manifest that the metadata of {tag.repository} does not hold")
                continue
            waiting.extend(child.digest for child in content.children)
            for blob in content.blobs:
                self._want(tag, blob)

    def _want(self, tag: Tag, blob: Descriptor) -> None:
        row = self.references.blobs.get(blob.digest)
        size = blob.size if blob.size is not None else row and row.size
        known = self.wanted.get(blob.digest)
        if known and None not in (known[0], size) and known[0] != size:
            self._lacks(tag, blob.digest, f"is said to have {size} bytes here and {known[0]} by {known[1]}")
        if known is None or known[0] is None:
            self.wanted[blob.digest] = (size, tag.reference)

    def _lacks(self, tag: Tag, digest: str, what: str) -> None:
        self.missing.append(MissingReference(tag.reference, digest, what))


def prove(
    references: References, index: Iterable[IndexEntry], canary: tuple[str, str] | None = None
) -> Proof:
    """Return the proof for an archive's references and a snapshot; `canary` is (reference, digest)."""
    walk = _Walk(references)
    for tag in references.tags:
        walk.follow(tag)
    if canary and (seen := _why_no_canary(references, *canary)):
        walk.missing.append(MissingReference(*canary, seen))
    orphans, size = _tick_off(walk, index)
    checked = len(references.tags) + len(walk.visited) + len(walk.wanted)
    return Proof(checked, tuple(walk.missing), orphans, size)


def _why_no_canary(references: References, reference: str, digest: str) -> str | None:
    tag = references.find_tag(reference)
    if tag is None:
        return "is the canary, and its tag is not in the metadata"
    return None if tag.digest == digest else f"is the canary, and its tag leads to {tag.digest}"


def _tick_off(walk: _Walk, index: Iterable[IndexEntry]) -> tuple[int, int]:
    """Note what the snapshot lacks; return the number of orphans and the bytes of what is referred to."""
    digest_of = {key: digest for digest in walk.wanted for key in _keys(walk.references, digest)}
    faults: dict[str, str | None] = {}
    orphans = total = 0
    for entry in index:
        if entry.held is not Held.BLOB:
            continue
        digest = digest_of.get(plain_key(entry.key))
        if digest is None:
            orphans += 1
            continue
        if faults.get(digest, "") is not None:
            faults[digest] = _why_not(entry, digest, walk.wanted[digest][0])
            total += entry.size if faults[digest] is None else 0
    for digest, (_, reference) in walk.wanted.items():
        fault = faults.get(digest, "is not in the image snapshot")
        if fault:
            walk.missing.append(MissingReference(reference, digest, fault))
    return orphans, total


def _keys(references: References, digest: str) -> tuple[str, ...]:
    """Return the keys under which the blob may be kept: by digest, and by id where the metadata has one."""
    row = references.blobs.get(digest)
    return (blob_key(digest), id_key(row.identifier)) if row and row.identifier else (blob_key(digest),)


def _why_not(entry: IndexEntry, digest: str, size: int | None) -> str | None:
    if size is not None and entry.size != size:
        return f"has {entry.size} bytes in the image snapshot, its manifest says {size}"
    if entry.sha256 and f"sha256:{entry.sha256}" != digest:
        return f"hashes to sha256:{entry.sha256} in the image snapshot"
    return None
