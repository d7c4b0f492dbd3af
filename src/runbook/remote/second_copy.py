"""A recovery point once more, in another vault: blobs first, then its own objects, its manifest last.

What the target has already is kept, so a copy that was cut short is finished by beginning it again. Objects are
copied as they are, encrypted; the source is only read, and nothing at the target is overwritten or deleted, so
its credentials need no right to. Locks, holds and what else a vault remembers of its cluster stay where they are.

No lock is taken: it would keep the nightly backup out for hours, and the target's would need the right to delete. A
prune of the source meanwhile can only take objects away; that is noticed, and without a manifest there is no point.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.recovery import INDEX, MANIFEST, Manifest, StoredPart, blobs_prefix, part_key
from runbook.domain.recovery_json import manifest_from_json
from runbook.domain.sealed_blobs import is_sealed, why_not_size
from runbook.domain.second_copy import Copied, vanished
from runbook.domain.snapshot import Kind, SortedLookup, classify, digest_of_key
from runbook.remote.bounded import bounded
from runbook.remote.catalogue import announce, enter, is_retired, recall, settle
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import Copier, StreamedCopier, Wanted, copier_between
from runbook.remote.image_index import ImageIndex, parse_index
from runbook.remote.recovery_verify import VerifyReport, verify_part, verify_point
from runbook.remote.snapshot import SAY_EVERY
from runbook.remote.tagged_copy import TaggedCopier
from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, Vault

_NAMED = 3  # findings that an error repeats; all are in the log
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PointCopy:
    """One recovery point on its way from one vault to another."""

    source: Vault
    target: Vault
    manifest: Manifest
    identity: SecretStr

    def copy_blobs(self, limits: CopyLimits | None = None) -> Copied:
        """Leave every blob of the point at the target; MismatchError if one is gone, damaged or another there.

        What a copy that died between a manifest and its catalogue entry has left is settled first.
        """
        settle(self.target, self.manifest.cluster)
        index = read_sound_index(self.source, self.manifest, self.identity)
        try:
            done, findings = _BlobCopy(self, limits or CopyLimits()).run(index)
        except ValueError as exc:
            raise RefusedError(self.target.where, str(exc), "use a storage that lists in byte order") from exc
        self._require_none(findings)
        return done

    def copy_parts(self) -> int:
        """Leave the point's own objects at the target, hashed on the way; return how many were not there."""
        copier = StreamedCopier(self.source, self.target)
        return sum(
            self._copy_part(copier, name, part) for name, part in sorted(self.manifest.objects.items())
        )

    def verify(self) -> VerifyReport:
        """Return after the target's own bytes were read, opened and proven, and all blobs found in a listing."""
        report = verify_point(self.target, self.manifest, self.identity)
        self._require_none(report.findings)
        return report

    def publish(self) -> None:
        """Make the copy a recovery point: its manifest, as the source has it now, is written once, and catalogued."""
        key = part_key(self.manifest.cluster, self.manifest.id, MANIFEST)
        here, there = f"{self.source.where}/{key}", f"{self.target.where}/{key}"
        try:
            text = self.source.get_bytes(key)
        except NotThereError as exc:
            raise vanished(self.manifest.id, key) from exc
        if manifest_from_json(text, here) != self.manifest:
            raise MismatchError(here, "it was changed while its point was copied", _LOOK)
        if self.target.head(key) is None:
            announce(self.target, self.manifest, text)
        try:
            self.target.put_bytes(key, text, only_if_absent=True)
        except AlreadyThereError as exc:
            if self.target.get_bytes(key) != text:
                raise MismatchError(there, f"it is not the one of {self.source.where}", _LOOK) from exc
        enter(self.target, self.manifest, text)
        if is_retired(
            self.target, self.manifest.cluster, self.manifest.id
        ):  # it was pruned there, and is back
            recall(self.target, self.manifest.cluster, self.manifest.id)

    def _copy_part(self, copier: Copier, name: str, part: StoredPart) -> int:
        key = part_key(self.manifest.cluster, self.manifest.id, name)
        seen = self.target.head(key)
        if seen is not None:
            self._require_none(
                [f"{key} has {seen.size} bytes there and {part.size} here"] * (seen.size != part.size)
            )
            return 0
        try:
            copier.copy(Wanted(key, key, part.size, digest=f"sha256:{part.sha256}"))
        except AlreadyThereError:
            return 0
        except NotThereError as exc:
            raise vanished(self.manifest.id, key) from exc
        return 1

    def _require_none(self, findings: list[str]) -> None:
        for finding in findings:
            logger.warning("%s: %s", self.target.where, finding)
        if findings:
            more = f"; {len(findings) - _NAMED} more are in the log" if len(findings) > _NAMED else ""
            what = f"the copy of {self.manifest.id} is not sound: {'; '.join(findings[:_NAMED])}{more}"
            raise MismatchError(self.target.where, what, _REPLACE)


class _BlobCopy:
    """Walks an index beside a listing of the target, and copies what that lacks."""

    def __init__(self, point: PointCopy, limits: CopyLimits) -> None:
        self._point, self._cluster, self._limits = point, point.manifest.cluster, limits
        self._streamed: Copier = TaggedCopier(point.source, point.target, limits.pace)
        self._copier = copier_between(point.source, point.target, streamed=self._streamed)
        self._done, self._findings = Copied(), list[str]()

    def run(self, index: ImageIndex) -> tuple[Copied, list[str]]:
        say_at = time.monotonic() + SAY_EVERY
        limits, missing = self._limits, self._missing(index)
        for size, finding in bounded(self._copy, missing, workers=limits.workers, window=limits.window):
            self._note(size, finding)
            if time.monotonic() >= say_at:
                say_at = time.monotonic() + SAY_EVERY
                logger.info("%s: %s", self._point.target.where, self._done)
        return self._done, self._findings

    def _note(self, size: int, finding: str) -> None:
        if finding:
            self._findings.append(finding)
        else:
            self._done.copied += 1
            self._done.copied_bytes += size

    def _missing(self, index: ImageIndex) -> Iterator[IndexEntry]:
        """Yield the entries whose blob the target lacks; note each that has another size there."""
        listed = SortedLookup(self._point.target.list(blobs_prefix(self._cluster)), lambda seen: seen.key)
        last = ""
        for entry in index:
            if entry.held is not Held.BLOB:
                continue
            key = f"{self._cluster}/{entry.key}"
            if classify(entry.path).kind is Kind.BLOB and key >= last:
                seen, last = listed.find(key), key
            else:  # an object outside the blobs' folder, kept under the digest of its content
                seen = self._point.target.head(key)
            if seen is None:
                yield entry
            elif reason := why_not_size(entry.key, entry.size, 0, seen.size):
                self._findings.append(f"{entry.key} {reason}")
            else:
                self._done.kept += 1

    def _copy(self, entry: IndexEntry) -> tuple[int, str]:
        """Leave the blob at the target; return its size, and what is wrong if it is not what the index says."""
        key = f"{self._cluster}/{entry.key}"
        try:
            self._cheapest(self._as_stored(key, entry))
        except AlreadyThereError:
            return 0, ""  # written meanwhile; its size is looked at when the copy is verified
        except NotThereError as exc:
            raise vanished(self._point.manifest.id, entry.key) from exc
        except (MismatchError, ChangedError) as exc:
            return 0, exc.what
        return entry.size, ""

    def _as_stored(self, key: str, entry: IndexEntry) -> Wanted:
        """Return what is copied: of encrypted image data the digest is known of the plain bytes alone."""
        if is_sealed(entry.key):
            seen = self._point.source.head(key)
            return Wanted(key, key, seen.size if seen else entry.stored, entry.kept)
        known = f"sha256:{entry.sha256}" if entry.sha256 else None
        return Wanted(key, key, entry.size, entry.kept, digest_of_key(entry.key) or known)

    def _cheapest(self, wanted: Wanted) -> None:
        """Copy by the server if it may; what it refuses otherwise is streamed with each side's own keys.

        A server may not know the bucket of another account at all, and then it speaks of no bucket or no object.
        """
        try:
            self._copier.copy(wanted)
        except (AlreadyThereError, ChangedError):
            raise
        except RefusedError:
            if self._copier is self._streamed:
                raise
            self._streamed.copy(wanted)
            self._copier = self._streamed


def read_sound_index(vault: Vault, manifest: Manifest, identity: SecretStr) -> ImageIndex:
    """Return the point's index after its bytes were found to be what the manifest names."""
    key = part_key(manifest.cluster, manifest.id, INDEX)
    index = ImageIndex()

    def read(stream: BinaryIO) -> None:
        for entry in parse_index(stream, f"{vault.where}/{key}"):
            index.append(entry)

    try:
        verify_part(vault, key, manifest.objects[INDEX], identity, read)
    except NotThereError as exc:
        raise vanished(manifest.id, key) from exc
    return index


_LOOK = "compare both with `runbook points show`, and see who writes there"
_REPLACE = (
    "delete what is damaged there, with rights that `copy` does not need, and run again; "
    "damage at the source: `runbook points verify --full`"
)
