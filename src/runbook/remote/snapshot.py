"""The image snapshot: what is new in the storage goes into the vault, and back.

Two sorted listings are walked side by side, so memory does not grow with the number of objects, and the cost is a
listing of both sides, one copy per new blob and a constant. Links cost nothing: their content is proven by the
listing. What cannot be derived is fetched.
"""

import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from runbook.domain.errors import RefusedError, RunbookError
from runbook.domain.image_index import Held, IndexEntry, layout_of
from runbook.domain.recovery import ImageTotals, blobs_prefix
from runbook.domain.sealed_blobs import is_sealed, why_not_size
from runbook.domain.snapshot import (
    Kind,
    Place,
    SortedLookup,
    StoredObject,
    UnsortedError,
    blob_key,
    classify,
    current_target,
    digest_of_key,
    link_proves,
)
from runbook.remote.blob_seal import new_key
from runbook.remote.bulk import BulkCopier
from runbook.remote.bulk_choice import bulk_between
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import CheapestCopier, Copied, Wanted, copier_between, is_md5
from runbook.remote.image_index import ImageIndex
from runbook.remote.patience import patiently
from runbook.remote.snapshot_objects import Done, Flying, Slot, TagFolder, digest_of, entry_of_small
from runbook.remote.storage import S3Storage, Storage
from runbook.remote.vault import NotThereError, Vault, VaultObject

INLINE_LIMIT = 64 * 1024
SAY_EVERY = 10.0
logger = logging.getLogger(__name__)


@dataclass
class PassResult:
    """What one pass saw and did; `findings` are objects that could not be kept, each a sentence."""

    objects: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    copied: int = 0
    copied_bytes: int = 0
    fetched: int = 0
    left_out: int = 0
    findings: list[str] = field(default_factory=list)
    index: ImageIndex = field(default_factory=ImageIndex)
    namings: set[str] = field(default_factory=set)  # how blobs are named: `sha256`, `id`

    def totals(self) -> ImageTotals:
        """Return the numbers that the manifest names."""
        return ImageTotals(layout_of(self.namings), len(self.index), self.blobs, self.blob_bytes)


def take_pass(storage: Storage, vault: Vault, cluster: str, limits: CopyLimits | None = None) -> PassResult:
    """Leave every blob of the storage in the vault and return the index of all objects."""
    limits = limits or CopyLimits()
    with ThreadPoolExecutor(limits.workers, "copy") as pool:
        try:
            with bulk_between(storage, vault, pool, limits) as bulk:
                return _Pass((storage, vault, cluster), pool, bulk, limits).run()
        except UnsortedError as exc:
            what = f"{exc}: no snapshot can be taken from unsorted listings"
            raise RefusedError(storage.where, what, "use a storage that lists in byte order") from exc
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Pass:
    """One walk over the storage; entries leave in the order of the listing."""

    def __init__(
        self,
        ends: tuple[Storage, Vault, str],
        pool: ThreadPoolExecutor,
        bulk: BulkCopier,
        limits: CopyLimits,
    ) -> None:
        self._storage, self._vault, self._cluster = ends
        self._pool, self._bulk, self._limits = pool, bulk, limits
        self._single = copier_between(self._storage, self._vault, limits.pace)
        self._tags_tell = isinstance(self._single, CheapestCopier)
        self._slots: deque[Slot] = deque()
        self._tag: TagFolder | None = None
        self._say_at = time.monotonic() + SAY_EVERY
        self.result = PassResult()

    def run(self) -> PassResult:
        kept = SortedLookup(self._vault.list(blobs_prefix(self._cluster)), lambda seen: seen.key)
        for seen in self._storage.list_objects():
            self.result.objects += 1
            self._take(seen, classify(seen.path), kept)
            self._hand_over(self._limits.window)
            self._say_progress()
        self._leave_tag()
        self._hand_over(0)
        return self.result

    def _say_progress(self) -> None:
        if time.monotonic() >= self._say_at:
            self._say_at = time.monotonic() + SAY_EVERY
            seen = self.result
            logger.info(
                "%s: %s objects listed, %s blobs copied (%.0f MB)",
                self._storage.where,
                seen.objects,
                seen.copied,
                seen.copied_bytes / 1e6,
            )

    def _take(self, seen: StoredObject, place: Place, kept: SortedLookup[VaultObject]) -> None:
        if self._tag and not seen.path.startswith(self._tag.prefix):
            self._leave_tag()
        match place.kind:
            case Kind.BLOB:
                key = new_key(self._vault, place.name)
                self._slots.append(self._blob(seen, key, kept.find(f"{self._cluster}/{key}")))
            case Kind.LINK:
                self._link(seen, place.name)
            case Kind.CURRENT:
                self._tag = TagFolder(place.name, seen)
            case Kind.UPLOAD:
                self.result.left_out += 1
            case Kind.OTHER:
                self._queue(self._pool.submit(self._fetch, seen))

    def _blob(self, seen: StoredObject, key: str, kept: VaultObject | None) -> Slot:
        if kept is None:
            return Flying(seen, key, self._bulk.submit(self._wanted(seen, key)), self._vault)
        sealed = is_sealed(key)
        if why_not_size(key, seen.size, 0, kept.size):
            self.result.findings.append(
                f"{seen.path} has {seen.size} bytes in the storage and {kept.size} in the vault"
            )
        etag = self._vault.content_etag(kept.etag) or ""
        if not sealed and kept.size == seen.size and self._is_another(seen, etag):
            self.result.findings.append(
                f"{seen.path} has the entity tag {seen.etag} in the storage and {etag} in the vault"
            )
        size, stored = (seen.size, kept.size) if sealed else (kept.size, 0)
        return IndexEntry(seen.path, size, seen.etag, Held.BLOB, key, etag, stored=stored)

    def _is_another(self, seen: StoredObject, kept: str) -> bool:
        """Tell by entity tags that the vault holds other bytes; under a key service a bucket's tags tell nothing."""
        if not (self._tags_tell and kept and is_md5(seen.etag) and kept != seen.etag):
            return False
        self._tags_tell = isinstance(self._storage, S3Storage) and self._storage.tags_are_md5(seen.path)
        return self._tags_tell

    def _wanted(self, seen: StoredObject, key: str) -> Wanted:
        return Wanted(seen.path, f"{self._cluster}/{key}", seen.size, seen.etag, digest_of_key(key))

    def _link(self, seen: StoredObject, target: str) -> None:
        if self._tag:
            self._tag.targets.append(target)
        self._queue(
            IndexEntry(seen.path, seen.size, seen.etag, Held.LINK, target=target)
            if link_proves(target, seen)
            else self._pool.submit(self._fetch, seen)
        )

    def _queue(self, slot: Slot) -> None:
        (self._tag.slots if self._tag else self._slots).append(slot)

    def _leave_tag(self) -> None:
        """Settle the tag's `current/link` now that all of its index was seen."""
        tag, self._tag = self._tag, None
        if tag is None:
            return
        target = current_target(tag.current, tag.targets)
        path, size, etag = tag.current
        self._slots.append(
            IndexEntry(path, size, etag, Held.LINK, target=target)
            if target
            else self._pool.submit(self._fetch, tag.current)
        )
        self._slots.extend(tag.slots)

    def _fetch(self, seen: StoredObject) -> Done:
        """Keep an object whose content follows from nothing: in the index if it is small, else as a blob."""
        try:
            data = patiently(self._read, seen)
        except NotThereError:
            return Done(finding=f"{seen.path} vanished between its listing and its copy")
        if isinstance(data, bytes):
            return Done(entry_of_small(seen, data), fetched=1)
        key = new_key(self._vault, blob_key(data))
        if self._vault.head(f"{self._cluster}/{key}") is None:
            return self._copy(seen, key)
        return Done(IndexEntry(seen.path, seen.size, seen.etag, Held.BLOB, key), fetched=1)

    def _read(self, seen: StoredObject) -> bytes | str:
        """Return a small object's content, a large one's digest."""
        with closing(self._storage.open(seen.path)) as stream:
            return stream.read() if seen.size <= INLINE_LIMIT else digest_of(stream.read)

    def _copy(self, seen: StoredObject, key: str) -> Done:
        copying: Future[Copied] = Future()
        try:
            copying.set_result(patiently(self._single.copy, self._wanted(seen, key)))
        except RunbookError as exc:
            copying.set_exception(exc)
        return Flying(seen, key, copying, self._vault).result()

    def _hand_over(self, allowed: int) -> None:
        """Move settled entries from the front into the index; wait while more than `allowed` are queued."""
        while self._slots:
            slot = self._slots[0]
            if isinstance(slot, IndexEntry):
                self._note(slot)
            elif slot.done():
                self._note_work(slot.result())
            elif len(self._slots) <= allowed:
                return
            else:
                self._bulk.flush()
                self._note_work(slot.result())
            self._slots.popleft()

    def _note_work(self, done: Done) -> None:
        if done.finding:
            self.result.findings.append(done.finding)
        self.result.copied += done.copied
        self.result.fetched += done.fetched
        if done.entry is not None:
            self.result.copied_bytes += done.entry.size * done.copied
            self._note(done.entry)

    def _note(self, entry: IndexEntry) -> None:
        if entry.held is Held.BLOB:
            self.result.blobs += 1
            self.result.blob_bytes += entry.size
            self.result.namings.add(entry.key.split("/", 2)[1])
        self.result.index.append(entry)
