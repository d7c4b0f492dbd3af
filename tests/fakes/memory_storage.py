"""A registry's storage in memory, with the entity tags of a bucket."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from runbook.domain.snapshot import StoredObject
from runbook.remote.vault import NotThereError, VaultWriter


class MemoryStorage:
    """Objects by path."""

    where = "memory"

    def __init__(self, objects: Mapping[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})

    def list_objects(self) -> Iterator[StoredObject]:
        for path, data in sorted(self.objects.items()):
            yield StoredObject(path, len(data), _etag(data))

    def is_empty(self) -> bool:
        return not self.objects

    def open(self, path: str) -> BinaryIO:
        if path not in self.objects:
            raise NotThereError(path, "it is not there", "push it again")
        return io.BytesIO(self.objects[path])

    def put_bytes(self, path: str, data: bytes) -> str:
        self.objects[path] = data
        return _etag(data)

    @contextmanager
    def writer(self, path: str) -> Iterator[VaultWriter]:
        sink = _Sink()
        yield sink
        sink.etag = self.put_bytes(path, sink.data.getvalue())


class _Sink:
    def __init__(self) -> None:
        self.data = io.BytesIO()
        self.size = 0
        self.etag = ""

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return self.data.write(data)

    def flush(self) -> None:
        """Nothing is kept back."""


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
