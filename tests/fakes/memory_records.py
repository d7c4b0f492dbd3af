"""The part of a vault that keeps locks and holds, in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, VaultObject


class MemoryRecords:
    """Small objects by key, each with an entity tag of its own."""

    where = "memory"

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, str]] = {}
        self._tags = count(1)

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
        if only_if_absent and key in self._objects:
            raise AlreadyThereError(key, "it exists", "choose another name")
        self._objects[key] = data, str(next(self._tags))
        return self._objects[key][1]

    def replace_if(self, key: str, data: bytes, etag: str) -> str:
        if self._objects.get(key, (b"", ""))[1] != etag:
            raise ChangedError(key, "it was changed", "look again")
        return self.put_bytes(key, data)

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        if key not in self._objects:
            raise NotThereError(key, "there is no such object", "look again")
        return self._objects[key]

    def get_bytes(self, key: str) -> bytes:
        return self.get_with_etag(key)[0]

    def head(self, key: str) -> VaultObject | None:
        if key not in self._objects:
            return None
        data, etag = self._objects[key]
        return VaultObject(key, len(data), etag, datetime(2026, 11, 22, tzinfo=UTC))

    def list(self, prefix: str) -> Iterator[VaultObject]:
        return (seen for key in sorted(self._objects) if key.startswith(prefix) and (seen := self.head(key)))

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)
