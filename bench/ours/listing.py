"""A pass over a synthetic storage: a tenth of the objects are blobs, and one blob of ten is new and named by an id."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bench.ours import settings, tell
from runbook.domain.recovery import INDEX
from runbook.domain.snapshot import StoredObject
from runbook.remote.image_index import write_index
from runbook.remote.snapshot import take_pass
from runbook.remote.vault import VaultObject, VaultWriter
from runbook.remote.vault_file import FileVault

CLUSTER = "bench"
_ROOT = "docker/registry/v2"
_BLOB = bytes(512)
_LINKS = 9  # a blob has as many, in one repository


class SyntheticStorage:
    """As many objects as wanted, none of which is anywhere; listed in byte order."""

    where = "synthetic"

    def __init__(self, objects: int) -> None:
        self.blobs = objects // (1 + _LINKS)
        self.new = self.blobs // 10

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield all blobs, then all links."""
        for number in range(self.blobs):
            yield StoredObject(f"{_ROOT}/blobs/{self.name(number)}/data", len(_BLOB), _md5(str(number)))
        for number in range(self.blobs):
            yield from _links(number)

    def open(self, path: str) -> BinaryIO:
        """Return a blob."""
        return io.BytesIO(_BLOB)

    def is_empty(self) -> bool:
        """Tell that it holds something."""
        return not self.blobs

    def put_bytes(self, path: str, data: bytes) -> str:
        """Refuse: a pass writes nothing into the storage."""
        raise NotImplementedError

    def writer(self, path: str) -> AbstractContextManager[VaultWriter]:
        """Refuse too."""
        raise NotImplementedError

    def name(self, number: int) -> str:
        """Return names that ascend and look like any."""
        name = f"{number * 42_949:08x}{_hash(str(number))[8:]}"
        return f"{'id' if number < self.new else 'sha256'}/{name[:2]}/{name}"


class KeepingVault(FileVault):
    """A folder that says it holds all blobs but the new ones."""

    def __init__(self, root: Path, storage: SyntheticStorage) -> None:
        super().__init__(root)
        self._storage = storage

    def list(self, prefix: str) -> Iterator[VaultObject]:
        """Yield the blobs."""
        when = datetime(2026, 1, 1, tzinfo=UTC)
        for number in range(self._storage.new, self._storage.blobs):
            yield VaultObject(f"{prefix}{self._storage.name(number)}", len(_BLOB), "", when)


def _links(number: int) -> Iterator[StoredObject]:
    repository = f"{_ROOT}/repositories/org/app-{number:07}"
    for target in sorted(_hash(f"{number} {link}") for link in range(_LINKS)):
        text = f"sha256:{target}"
        yield StoredObject(f"{repository}/_layers/sha256/{target}/link", len(text), _md5(text))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Take the pass and write its index."""
    asked = settings()
    storage = SyntheticStorage(asked["objects"])
    vault = KeepingVault(Path(asked["target"]), storage)
    seen = take_pass(storage, vault, CLUSTER)
    part = write_index(vault, f"{CLUSTER}/{INDEX}", seen.index, [asked["recipient"]])
    tell(
        objects=seen.objects,
        blobs=seen.blobs,
        copied=seen.copied,
        findings=seen.findings[:3],
        index=part.size,
    )


if __name__ == "__main__":
    main()
