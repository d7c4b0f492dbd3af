"""Is a recovery point what its manifest says?

The point's own objects are always read in full and opened, its references are proven again, and every blob of
its index is held against a listing of the vault by size and entity tag; `full` also reads every blob and hashes it.
Either way the report names that listing by a digest: while it stays the same, no blob was written since.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.metadata_rows import References
from runbook.domain.proof import prove
from runbook.domain.recovery import INDEX, MANIFEST, METADATA, PARTS, Manifest, StoredPart, part_key
from runbook.domain.sampling import Item
from runbook.domain.sealed_blobs import is_sealed
from runbook.domain.verification import Damage
from runbook.remote.archive import CHUNK, Tee, opened, summarize_metadata
from runbook.remote.blob_check import ListingDigest, listed, why_not_intact
from runbook.remote.hashing import hashed
from runbook.remote.image_index import ImageIndex, parse_index
from runbook.remote.vault import NotThereError, Vault
from runbook.remote.wanted_blobs import WantedBlob, blobs_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Reader = Callable[[BinaryIO], None]


@dataclass
class VerifyReport:
    """What was checked, and what is wrong; each finding is a sentence."""

    damages: list[Damage] = field(default_factory=list)
    objects: int = 0
    blobs: int = 0
    bytes_read: int = 0
    listing: str = ""  # 12 hex digits that differ when a blob has another size, time or MD5 than before

    @property
    def findings(self) -> list[str]:
        """What is wrong, in words."""
        return [damage.what for damage in self.damages]

    @property
    def sound(self) -> bool:
        """True when nothing is wrong."""
        return not self.damages


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
    report, contents = read_back(vault, manifest, identity)
    if report.sound:
        _check_blobs(vault, manifest, contents, report, full=full)
    return report


def read_back(vault: Vault, manifest: Manifest, identity: SecretStr) -> tuple[VerifyReport, "Contents"]:
    """Return what is wrong with the point's own objects, opened and proven, and what they hold."""
    base = f"points/{manifest.id}"
    report = VerifyReport()
    for name in PARTS:
        if name not in manifest.objects:
            report.damages.append(Damage(f"{base}/{MANIFEST}", f"its manifest does not name {name}"))
    contents = Contents()
    for name, part in sorted(manifest.objects.items()):
        key = part_key(manifest.cluster, manifest.id, name)
        try:
            verify_part(vault, key, part, identity, contents.reader(name, f"{vault.where}/{key}"))
        except (MismatchError, NotThereError) as exc:
            seen = vault.head(key)
            report.damages.append(Damage(f"{base}/{name}", f"{name}: {exc.what}", seen.etag if seen else ""))
        report.objects += 1
        report.bytes_read += part.size
    if report.sound:
        _prove_again(vault, manifest, contents, report)
    return report, contents


@dataclass
class Contents:
    """What the parts held, kept while they were read."""

    references: References = field(default_factory=References)
    index: ImageIndex = field(default_factory=ImageIndex)

    @property
    def digests(self) -> dict[str, str]:
        """The digests of blobs by the ids that the metadata gives them."""
        return {row.identifier: digest for digest, row in self.references.blobs.items()}

    def reader(self, name: str, where: str) -> Reader | None:
        """Return what takes in the part of this name, None for one that nothing is kept of."""

        def read_metadata(stream: BinaryIO) -> None:
            self.references = summarize_metadata(stream).references

        def read_index(stream: BinaryIO) -> None:
            self.index = ImageIndex(parse_index(stream, where))

        return {METADATA: read_metadata, INDEX: read_index}.get(name)


def _prove_again(vault: Vault, manifest: Manifest, contents: Contents, report: VerifyReport) -> None:
    canary = (manifest.canary.reference, manifest.canary.digest) if manifest.canary else None
    proof = prove(contents.references, contents.index, canary)
    key = f"points/{manifest.id}/{INDEX}"
    seen = vault.head(f"{manifest.cluster}/{key}") if proof.missing else None
    etag = seen.etag if seen else ""
    report.damages += [Damage(key, str(missing), etag) for missing in proof.missing]


def _is_written_anew(vault: Vault, cluster: str, blob: WantedBlob, etag: str) -> bool:
    """Tell whether the blob was lost and is back: encrypted anew it has other bytes, and opens to the same."""
    if not (is_sealed(blob.key) and etag and blob.sha256):
        return False
    read = hashed(vault, f"{cluster}/", [Item(blob.key, blob.size, blob.sha256, etag)])
    return not any(map(why_not_intact, read))


def _check_blobs(
    vault: Vault, manifest: Manifest, contents: Contents, report: VerifyReport, *, full: bool
) -> None:
    """Hold the blobs of the point's index against the vault's listing, and with `full` against their digests."""
    listing = ListingDigest()
    wanted = blobs_of(contents.index, manifest.id, contents.digests)

    def note(blob: WantedBlob, damage: Damage) -> None:
        if _is_written_anew(vault, manifest.cluster, blob, damage.etag):
            report.blobs += 1
        else:
            report.damages.append(damage)

    sound = listed(vault, manifest.cluster, wanted, note, listing)
    if full:
        for read in hashed(vault, f"{manifest.cluster}/", sound):
            report.blobs += 1
            report.bytes_read += read.item.size
            if reason := why_not_intact(read):
                report.damages.append(Damage(read.item.key, reason, read.item.etag))
    else:
        report.blobs += sum(1 for _ in sound)
    report.listing = str(listing)


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
