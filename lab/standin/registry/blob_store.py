"""The blobs of the cluster where they lie, for garbage collection and for the check of new settings."""

import importlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.storage_settings import Document, backend_of

BLOBS = "docker/registry/v2/blobs/sha256"


@dataclass(frozen=True)
class StoredBlob:
    """A blob in storage."""

    digest: str
    age: float


class BlobStore(Protocol):
    """A place that holds blobs in Distribution's layout."""

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob."""

    def delete(self, digest: str) -> None:
        """Leave no such blob."""


class VolumeBlobStore:
    """Blobs in a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root / BLOBS

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob."""
        for data in self._root.glob("*/*/data"):
            yield StoredBlob(f"sha256:{data.parent.name}", time.time() - data.stat().st_mtime)

    def delete(self, digest: str) -> None:
        """Leave no such blob."""
        name = digest.removeprefix("sha256:")
        shutil.rmtree(self._root / name[:2] / name, ignore_errors=True)


def open_store(document: Document) -> BlobStore:
    """Return the storage that the settings name."""
    backend = backend_of(document)
    if backend == "filesystem":
        return VolumeBlobStore(Path("/storage"))
    store: BlobStore = _s3().S3BlobStore(document["storage"]["s3"])
    return store


def check(document: Document) -> None:
    """Raise InvalidStorageError unless the storage can be listed, written and deleted from."""
    if backend_of(document) == "s3":
        _s3().S3BlobStore(document["storage"]["s3"]).check()


def _s3() -> Any:
    # imported only where S3 is used: it takes half a second
    return importlib.import_module("registry.blob_store_s3")
