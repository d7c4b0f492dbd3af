"""Whether blobs of an image lie in a storage, in either layout."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from itertools import takewhile

from runbook.domain.snapshot import ROOT, blob_key
from runbook.remote.storage import Storage
from runbook.remote.vault import NotThereError

LOOKED_AT = 100_000
"""At most so many objects are listed for a blob whose name does not say its digest."""
_BY_ID = f"{ROOT}blobs/id/"
_CHUNK = 1024 * 1024


def missing_blobs(storage: Storage, blobs: Mapping[str, int]) -> Collection[str] | None:
    """Return the digests whose blobs are not in the storage; None where there is too much to look through."""
    missing = {digest for digest in blobs if not _holds(storage, f"{ROOT}{blob_key(digest)}/data", digest)}
    for number, (path, size) in enumerate(_named_by_id(storage)):
        if not missing:
            break
        if number == LOOKED_AT:
            return None
        if size in {blobs[digest] for digest in missing}:
            missing.discard(f"sha256:{_hash_of(storage, path)}")
    return missing


def _named_by_id(storage: Storage) -> Iterator[tuple[str, int]]:
    """Yield what may be a blob of the layout of 2.6 and later: it comes before all other blobs."""
    end = f"{_BY_ID}\N{DELETE}"
    for seen in takewhile(lambda each: each.path < end, storage.list_objects()):
        if seen.path.startswith(_BY_ID):
            yield seen.path, seen.size


def _holds(storage: Storage, path: str, digest: str) -> bool:
    try:
        return f"sha256:{_hash_of(storage, path)}" == digest
    except NotThereError:
        return False


def _hash_of(storage: Storage, path: str) -> str:
    seen = hashlib.sha256()
    with storage.open(path) as stream:
        while data := stream.read(_CHUNK):
            seen.update(data)
    return seen.hexdigest()
