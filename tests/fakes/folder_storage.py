"""A registry's storage in a folder, with the entity tags of a bucket: it outlives any process."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from runbook.domain.snapshot import StoredObject
from runbook.remote.vault import NotThereError


class FolderStorage:
    """Objects by path; only what a snapshot needs of a storage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)

    def list_objects(self) -> Iterator[StoredObject]:
        for path, file in sorted((unquote(file.name), file) for file in self.folder.iterdir()):
            yield StoredObject(path, file.stat().st_size, _etag(file.read_bytes()))

    def open(self, path: str) -> BinaryIO:
        try:
            return io.BytesIO(self._file(path).read_bytes())
        except FileNotFoundError:
            raise NotThereError(path, "it is not there", "push it again") from None

    def put_bytes(self, path: str, data: bytes) -> str:
        self._file(path).write_bytes(data)
        return _etag(data)

    def _file(self, path: str) -> Path:
        return self.folder / quote(path, safe="")


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
