"""What each path of a registry's storage is, and what of it an image snapshot must copy.

A Distribution tree holds blobs, and link files that hold nothing but `sha256:<digest>`. A blob is
copied once into the vault under a key that follows from its path. A link's content follows from its
path too (of a tag's `current/link`: from the tag's index), and is proven by its entity tag, which is the MD5
of the content. So a snapshot needs a listing and the new blobs, not a request per object.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

ROOT = "docker/registry/v2/"
_BLOB = re.compile(rf"{ROOT}blobs/(sha256/[0-9a-f]{{2}}/[0-9a-f]{{64}}|id/[^/]{{2}}/[^/]+)/data")
_TARGET = re.compile(
    rf"{ROOT}repositories/.+/"
    r"(?:_layers|_manifests/revisions|_manifests/revisions/sha256/[0-9a-f]{64}/signatures|_manifests/tags/[^/]+/index)"
    r"/sha256/([0-9a-f]{64})/link"
)
_CURRENT = re.compile(rf"({ROOT}repositories/.+/_manifests/tags/[^/]+/)current/link")
_NAMED = re.compile(rf"{ROOT}repositories/(.+?)/_(?:layers|manifests/revisions|manifests/tags/([^/]+))/.+")
_UPLOAD = re.compile(rf"{ROOT}repositories/.+/_uploads/.*")


class StoredObject(NamedTuple):
    """One object of the registry's storage as a listing shows it; a tuple for there may be a million."""

    path: str
    size: int
    etag: str


class Kind(StrEnum):
    """What a path of the storage is to a snapshot."""

    BLOB = "blob"
    LINK = "link"
    CURRENT = "current"  # a link whose target is one of its tag's index
    UPLOAD = "upload"  # an upload in flight: partial, left out
    OTHER = "other"


class Place(NamedTuple):
    """The kind of a path; for a blob its key in the vault, for a link its target, else the tag's folder."""

    kind: Kind
    name: str = ""


def classify(path: str) -> Place:
    """Return what `path`, relative to the storage's root directory, is."""
    if match := _BLOB.fullmatch(path):
        return Place(Kind.BLOB, f"blobs/{match[1]}")
    if match := _TARGET.fullmatch(path):
        return Place(Kind.LINK, f"sha256:{match[1]}")
    if match := _CURRENT.fullmatch(path):
        return Place(Kind.CURRENT, match[1])
    if _UPLOAD.fullmatch(path):
        return Place(Kind.UPLOAD)
    return Place(Kind.OTHER)


def image_named_by(path: str) -> str | None:
    """Return the image that a link belongs to: `ns/repo:tag`, `ns/repo` where the path names no tag, else None."""
    match = _NAMED.fullmatch(path)
    return ":".join(part for part in match.groups() if part) if match else None


def blob_key(digest: str) -> str:
    """Return the vault's key of the blob with this digest in the standard layout."""
    hexadecimal = digest.removeprefix("sha256:")
    return f"blobs/sha256/{hexadecimal[:2]}/{hexadecimal}"


def id_key(identifier: str) -> str:
    """Return the vault's key of an id-named blob (2.6 and later)."""
    return f"blobs/id/{identifier[:2]}/{identifier}"


def digest_of_key(key: str) -> str | None:
    """Return the digest that a blob's key promises, None for an id-named blob."""
    return f"sha256:{key.rpartition('/')[2]}" if key.startswith("blobs/sha256/") else None


def link_proves(target: str, seen: StoredObject) -> bool:
    """Tell whether the object's size and entity tag prove that it holds exactly `target`."""
    content = target.encode()
    return seen.size == len(content) and seen.etag == hashlib.md5(content, usedforsecurity=False).hexdigest()


def current_target(current: StoredObject, index: Iterable[str]) -> str | None:
    """Return the target among a tag's index that `current/link` is proven to hold, None if none is."""
    return next((target for target in index if link_proves(target, current)), None)


T = TypeVar("T")


class UnsortedError(ValueError):
    """A listing does not ascend in byte order."""


@dataclass
class SortedLookup(Generic[T]):
    """Finds keys in a sorted listing while both are walked once: the difference of two listings in constant memory.

    Both sides must ascend in byte order; an UnsortedError says which did not.
    """

    items: Iterable[T]
    key: Callable[[T], str]

    def __post_init__(self) -> None:
        self._iterator = iter(self.items)
        self._wanted = ""
        self._at: T | None = next(self._iterator, None)

    def find(self, wanted: str) -> T | None:
        """Return the item whose key is `wanted`, None if the listing has none."""
        if wanted < self._wanted:
            raise UnsortedError(f"the storage's listing is not in byte order at {wanted}")
        self._wanted = wanted
        while self._at is not None and self.key(self._at) < wanted:
            self._advance()
        return self._at if self._at is not None and self.key(self._at) == wanted else None

    def _advance(self) -> None:
        before, self._at = self._at, next(self._iterator, None)
        if before is not None and self._at is not None and self.key(self._at) <= self.key(before):
            raise UnsortedError(f"the vault's listing is not in byte order at {self.key(self._at)}")
