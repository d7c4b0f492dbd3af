"""An image snapshot back into the registry's storage: only what is missing there is written."""

import hashlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.snapshot import SortedLookup, StoredObject, UnsortedError, digest_of_key
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import Copier, Wanted, copier_between, is_md5
from runbook.remote.storage import ObjectStorage
from runbook.remote.vault import NotThereError, Vault


@dataclass
class RestoreResult:
    """What was written into the storage, and what was there already."""

    copied: int = 0
    copied_bytes: int = 0
    written: int = 0  # links and small objects, whose bytes are in the index
    skipped: int = 0


def restore_blobs(
    index: Iterable[IndexEntry],
    vault: Vault,
    cluster: str,
    storage: ObjectStorage,
    limits: CopyLimits | None = None,
) -> RestoreResult:
    """Leave every object of the index in the storage; a second run writes nothing."""
    limits = limits or CopyLimits()
    with ThreadPoolExecutor(limits.workers, "restore") as pool:
        try:
            return _restore(index, _Writer(vault, cluster, storage), pool, limits.window)
        except UnsortedError as exc:
            raise RefusedError(storage.where, str(exc), "use a storage that lists in byte order") from exc
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Writer:
    """Writes one object of the index into the storage."""

    def __init__(self, vault: Vault, cluster: str, storage: ObjectStorage) -> None:
        self._vault, self._cluster, self.storage = vault, cluster, storage
        self._copier: Copier = copier_between(vault, storage)

    def write(self, entry: IndexEntry) -> IndexEntry:
        if entry.held is Held.BLOB:
            self._copy(entry)
        else:
            self.storage.put_bytes(entry.path, _content(entry))
        return entry

    def _copy(self, entry: IndexEntry) -> None:
        key = f"{self._cluster}/{entry.key}"
        wanted = Wanted(key, entry.path, entry.size, entry.kept, digest_of_key(entry.key))
        try:
            self._copier.copy(wanted)
        except NotThereError as exc:
            what = "it is named by the recovery point and not in the vault"
            raise MismatchError(f"{self._vault.where}/{key}", what, "choose another recovery point") from exc


def _restore(
    index: Iterable[IndexEntry], writer: _Writer, pool: ThreadPoolExecutor, window: int
) -> RestoreResult:
    result = RestoreResult()
    present = SortedLookup(writer.storage.list_objects(), lambda seen: seen.path)
    flying: deque[Future[IndexEntry]] = deque()
    for entry in index:
        if _is_there(entry, present.find(entry.path)):
            result.skipped += 1
            continue
        flying.append(pool.submit(writer.write, entry))
        while len(flying) > window or (flying and flying[0].done()):
            _note(result, flying.popleft().result())
    while flying:
        _note(result, flying.popleft().result())
    return result


def _note(result: RestoreResult, entry: IndexEntry) -> None:
    if entry.held is Held.BLOB:
        result.copied += 1
        result.copied_bytes += entry.size
    else:
        result.written += 1


def _is_there(entry: IndexEntry, seen: StoredObject | None) -> bool:
    """Tell whether the storage holds the object already, by size and by entity tag where that says something."""
    if seen is None or seen.size != entry.size:
        return False
    if entry.held is not Held.BLOB:
        return seen.etag == hashlib.md5(_content(entry), usedforsecurity=False).hexdigest()
    known = {etag for etag in (entry.etag, entry.kept) if is_md5(etag)}
    return not is_md5(seen.etag) or not known or seen.etag in known


def _content(entry: IndexEntry) -> bytes:
    return entry.target.encode() if entry.held is Held.LINK else entry.data
