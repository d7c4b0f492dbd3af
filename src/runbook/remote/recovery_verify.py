"""Is a recovery point what its manifest says?

The point's own objects are always read in full and opened, its references are proven again, and every blob of
its index is held against a listing of the vault by size and entity tag; `full` also reads every blob and hashes it.
Either way the report names that listing by a digest: while it stays the same, no blob was written since.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.metadata_rows import References
from runbook.domain.proof import prove
from runbook.domain.recovery import INDEX, METADATA, PARTS, Manifest, StoredPart, blobs_prefix, part_key
from runbook.domain.sealed_blobs import plain_key, why_not_size
from runbook.domain.snapshot import SortedLookup, digest_of_key
from runbook.remote.archive import CHUNK, Tee, opened, summarize_metadata
from runbook.remote.image_index import ImageIndex, parse_index
from runbook.remote.vault import NotThereError, Vault, VaultObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READERS = 8
_AT_ONCE = 256
Reader = Callable[[BinaryIO], None]


@dataclass
class VerifyReport:
    """What was checked, and what is wrong; each finding is a sentence."""

    findings: list[str] = field(default_factory=list)
    objects: int = 0
    blobs: int = 0
    bytes_read: int = 0
    listing: str = ""  # 12 hex digits that differ when a blob has another size, time or MD5 than before

    @property
    def sound(self) -> bool:
        """True when nothing is wrong."""
        return not self.findings


def verify_part(
    vault: Vault, key: str, part: StoredPart, identity: SecretStr, read: Reader | None = None
) -> None:
    """Return if the stored object is, byte for byte and opened, what `part` says; else MismatchError.

    `read` sees the plain bytes on the way.
    """
    where = f"{vault.where}/{key}"
    stored = Tee(vault.open(key))
    plain = Tee(opened(cast("BinaryIO", stored), identity, where))
    try:
        if read is not None:
            read(cast("BinaryIO", io.BufferedReader(_Through(plain), CHUNK)))
        while plain.read(CHUNK):
            pass
    finally:
        plain.close()
    seen = StoredPart(stored.size, stored.sha256, plain.size, plain.sha256)
    if seen != part:
        what = f"it is not what its manifest names: {seen} instead of {part}"
        raise MismatchError(where, what, "choose another recovery point")


def verify_point(
    vault: Vault, manifest: Manifest, identity: SecretStr, *, full: bool = False
) -> VerifyReport:
    """Return what is wrong with the point, all of it; nothing is changed."""
    absent = [name for name in PARTS if name not in manifest.objects]
    report = VerifyReport([f"its manifest does not name {name}" for name in absent])
    contents = _Contents()
    for name, part in sorted(manifest.objects.items()):
        key = part_key(manifest.cluster, manifest.id, name)
        try:
            verify_part(vault, key, part, identity, contents.reader(name, f"{vault.where}/{key}"))
        except (MismatchError, NotThereError) as exc:
            report.findings.append(f"{name}: {exc.what}")
        report.objects += 1
        report.bytes_read += part.size
    if report.sound:
        _prove_again(manifest, contents, report)
        _Blobs(vault, manifest.cluster, contents.references, report).check(contents.index, full=full)
    return report


@dataclass
class _Contents:
    """What the parts held, kept while they were read."""

    references: References = field(default_factory=References)
    index: ImageIndex = field(default_factory=ImageIndex)

    def reader(self, name: str, where: str) -> Reader | None:
        def read_metadata(stream: BinaryIO) -> None:
            self.references = summarize_metadata(stream).references

        def read_index(stream: BinaryIO) -> None:
            self.index = ImageIndex(parse_index(stream, where))

        return {METADATA: read_metadata, INDEX: read_index}.get(name)


def _prove_again(manifest: Manifest, contents: _Contents, report: VerifyReport) -> None:
    canary = (manifest.canary.reference, manifest.canary.digest) if manifest.canary else None
    proof = prove(contents.references, contents.index, canary)
    report.findings += [str(missing) for missing in proof.missing]


class _Blobs:
    """The blobs of one index against what the vault holds."""

    def __init__(self, vault: Vault, cluster: str, references: References, report: VerifyReport) -> None:
        self._vault, self._cluster, self._report = vault, cluster, report
        self._digest_of_id = {row.identifier: digest for digest, row in references.blobs.items()}
        self._listing = hashlib.sha256()

    def check(self, index: ImageIndex, *, full: bool) -> None:
        sound = self._listed(index)
        if full:
            self._read(sound)
        else:
            self._report.blobs += sum(1 for _ in sound)
        self._report.listing = self._listing.hexdigest()[:12]

    def _read(self, sound: Iterator[IndexEntry]) -> None:
        """Hash every blob, and note those that are not what they were."""
        with ThreadPoolExecutor(_READERS, "verify") as pool:
            while batch := [entry for _, entry in zip(range(_AT_ONCE), sound, strict=False)]:
                for entry, finding in zip(batch, pool.map(self._why_not_intact, batch), strict=True):
                    self._report.blobs += 1
                    self._report.bytes_read += entry.size
                    self._report.findings += [finding] if finding else []

    def _listed(self, index: ImageIndex) -> Iterator[IndexEntry]:
        """Yield the entries whose blob the vault lists as the index has it; note the others."""
        lookup = SortedLookup(self._vault.list(blobs_prefix(self._cluster)), lambda seen: seen.key)
        last = ""
        for entry in index:
            if entry.held is not Held.BLOB:
                continue
            key = f"{self._cluster}/{entry.key}"
            if key >= last:
                seen, last = lookup.find(key), key
            else:  # an object outside the blobs' folder, kept under the digest of its content
                seen = self._vault.head(key)
            finding = self._why_not_listed(entry, seen)
            if finding:
                self._report.findings.append(finding)
            elif seen:
                self._note(seen)
                yield entry

    def _note(self, seen: VaultObject) -> None:
        content = self._vault.content_etag(seen.etag) or ""
        line = f"{seen.key} {seen.size} {seen.modified.isoformat()} {content}\n"
        self._listing.update(line.encode())

    def _why_not_listed(self, entry: IndexEntry, seen: VaultObject | None) -> str | None:
        if seen is None:
            return f"{entry.key} is not in the vault"
        if reason := why_not_size(entry.key, entry.size, entry.stored, seen.size):
            return f"{entry.key} {reason}"
        tag = self._vault.content_etag(seen.etag)
        if tag and entry.kept and tag != entry.kept:
            return f"{entry.key} has the entity tag {tag} in the vault, the index says {entry.kept}"
        return None

    def _why_not_intact(self, entry: IndexEntry) -> str | None:
        wanted = digest_of_key(entry.key) or self._digest_of_id.get(plain_key(entry.key).rpartition("/")[2])
        wanted = wanted or (f"sha256:{entry.sha256}" if entry.sha256 else None)
        digest = hashlib.sha256()
        try:
            with self._vault.open(f"{self._cluster}/{entry.key}") as stream:
                while data := stream.read(CHUNK):
                    digest.update(data)
        except NotThereError:
            return f"{entry.key} is not in the vault"
        except MismatchError as exc:
            return f"{entry.key}: {exc.what}"
        seen = f"sha256:{digest.hexdigest()}"
        return f"{entry.key} hashes to {seen}, not to {wanted}" if wanted and seen != wanted else None


class _Through(io.RawIOBase):
    """A tee as a file."""

    def __init__(self, tee: Tee) -> None:
        super().__init__()
        self._tee = tee

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with memoryview(buffer).cast("B") as view:
            data = self._tee.read(len(view))
            view[: len(data)] = data
        return len(data)
