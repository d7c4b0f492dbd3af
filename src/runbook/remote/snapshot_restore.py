"""An image snapshot back into the registry's storage: only what is missing there is written."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.sealed_blobs import is_sealed
from runbook.domain.snapshot import SortedLookup, StoredObject, UnsortedError, digest_of_key
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import Copier, Wanted, copier_between, is_md5
from runbook.remote.patience import patiently
from runbook.remote.storage import ObjectStorage, Storage
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.tree_filler import fill_tree
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
    storage: ObjectStorage | TreeStorage,
    limits: CopyLimits | None = None,
) -> RestoreResult:
    """Leave every object of the index in the storage; a second run writes nothing.

    Among files, it writes the small ones of unknown kind again, whose content no listing proves.
    """
    limits, result = limits or CopyLimits(), RestoreResult()
    missing = _missing(index, storage, result)
    try:
        if isinstance(storage, TreeStorage):
            written = fill_tree(((e, _content(e, cluster)) for e in missing), vault, storage, limits)
        else:
            written = _fill(missing, _Writer(vault, cluster, storage, limits), limits)
        for entry in written:
            _note(result, entry)
    except UnsortedError as exc:
        raise RefusedError(storage.where, str(exc), "use a storage that lists in byte order") from exc
    except NotThereError as exc:
        what = "it is named by the recovery point and not in the vault"
        raise MismatchError(exc.where, what, "choose another recovery point") from exc
    return result


class _Writer:
    """Writes one object of the index into the storage."""

    def __init__(self, vault: Vault, cluster: str, storage: ObjectStorage, limits: CopyLimits) -> None:
        self._cluster, self._storage = cluster, storage
        self._copier: Copier = copier_between(vault, storage, limits.pace)

    def write(self, entry: IndexEntry) -> IndexEntry:
        content = _content(entry, self._cluster)
        if isinstance(content, Wanted):
            patiently(self._copier.copy, content)
        else:
            patiently(self._storage.put_bytes, entry.path, content)
        return entry


def _missing(index: Iterable[IndexEntry], storage: Storage, result: RestoreResult) -> Iterator[IndexEntry]:
    present = SortedLookup(storage.list_objects(), lambda seen: seen.path)
    for entry in index:
        if _is_there(entry, present.find(entry.path)):
            result.skipped += 1
        else:
            yield entry


def _fill(missing: Iterable[IndexEntry], writer: _Writer, limits: CopyLimits) -> Iterator[IndexEntry]:
    """Write the objects by several threads, and yield each when it is there."""
    flying: deque[Future[IndexEntry]] = deque()
    with ThreadPoolExecutor(limits.workers, "restore") as pool:
        try:
            for entry in missing:
                flying.append(pool.submit(writer.write, entry))
                while len(flying) > limits.window or (flying and flying[0].done()):
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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
        content = entry.target.encode() if entry.held is Held.LINK else entry.data
        return seen.etag == hashlib.md5(content, usedforsecurity=False).hexdigest()
    kept = "" if is_sealed(entry.key) else entry.kept  # the tag of an encrypted blob is of other bytes
    known = {etag for etag in (entry.etag, kept) if is_md5(etag)}
    return not is_md5(seen.etag) or not known or seen.etag in known


def _content(entry: IndexEntry, cluster: str) -> Wanted | bytes:
    """Return the bytes that the index knows, else where they are in the vault."""
    if entry.held is Held.BLOB:
        key = f"{cluster}/{entry.key}"
        digest = digest_of_key(entry.key) or (f"sha256:{entry.sha256}" if entry.sha256 else None)
        return Wanted(key, entry.path, entry.size, entry.kept, digest)
    return entry.target.encode() if entry.held is Held.LINK else entry.data
