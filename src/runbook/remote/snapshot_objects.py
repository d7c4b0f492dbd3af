"""What becomes of one object of the storage while a snapshot is taken."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from runbook.domain.errors import MismatchError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.snapshot import Kind, StoredObject, classify
from runbook.remote.copying import CHUNK, Copied
from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, Vault


@dataclass(frozen=True)
class Done:
    """What became of one object that a thread worked on."""

    entry: IndexEntry | None = None
    finding: str = ""
    copied: int = 0
    fetched: int = 0


class Flying:
    """A blob that is being copied."""

    def __init__(self, seen: StoredObject, key: str, copying: "Future[Copied]", vault: Vault) -> None:
        self._seen, self._key, self._copying, self._vault = seen, key, copying, vault
        self.done = copying.done

    def result(self) -> Done:
        """Return what became of it; what is no finding is raised."""
        seen, key = self._seen, self._key
        try:
            copied = self._copying.result()
        except AlreadyThereError:
            return Done(IndexEntry(seen.path, seen.size, seen.etag, Held.BLOB, key))
        except (NotThereError, ChangedError):
            return Done(finding=f"{seen.path} vanished or changed between its listing and its copy")
        except MismatchError as exc:
            return Done(finding=exc.what)
        kept = self._vault.content_etag(copied.etag) or ""
        path, size, etag = seen
        entry = IndexEntry(path, size, etag, Held.BLOB, key, kept, copied.sha256, stored=copied.stored)
        return Done(entry, copied=1)


Slot = IndexEntry | Future[Done] | Flying
"""An object on its way into the index, in the order of the listing."""


@dataclass
class TagFolder:
    """A tag's folder while the listing is in it: `current/link` comes before the index that explains it."""

    prefix: str
    current: StoredObject
    targets: list[str] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)


def entry_of_small(seen: StoredObject, data: bytes) -> IndexEntry:
    """Return the entry of an object whose content goes into the index: as a link if it is one, else as it stands."""
    place = classify(seen.path)
    if place.kind is Kind.LINK and data == place.name.encode():
        return IndexEntry(seen.path, len(data), seen.etag, Held.LINK, target=place.name)
    return IndexEntry(seen.path, len(data), seen.etag, Held.INLINE, data=data)


def digest_of(read: Callable[[int], bytes]) -> str:
    """Return the digest of all that `read` yields, with its algorithm in front."""
    digest = hashlib.sha256()
    while data := read(CHUNK):
        digest.update(data)
    return f"sha256:{digest.hexdigest()}"
