"""Vaults as a copy meets them: one that may only be read, and one that dies in the middle of a write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, BinaryIO

from runbook.remote.vault import Vault, VaultObject, VaultWriter


class CrashError(Exception):
    """The process dies here."""


class Dies(StrEnum):
    """When a write dies: while its bytes go out, or right after it was committed."""

    HALFWAY = "halfway"
    AFTERWARDS = "afterwards"


class ReadOnlyVault:
    """Another vault as who may not write sees it; it is no bucket, so data is streamed."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.where = vault.where

    def get_bytes(self, key: str) -> bytes:
        return self.vault.get_bytes(key)

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        return self.vault.get_with_etag(key)

    def open(self, key: str) -> BinaryIO:
        return self.vault.open(key)

    def list(self, prefix: str) -> Iterator[VaultObject]:
        return self.vault.list(prefix)

    def head(self, key: str) -> VaultObject | None:
        return self.vault.head(key)

    def content_etag(self, etag: str) -> str | None:
        return self.vault.content_etag(etag)


class FailingVault(ReadOnlyVault):
    """Another vault whose nth write dies, none where n is 0; it knows no way to delete or to replace."""

    def __init__(self, vault: Vault, fails_at: int, dies: Dies) -> None:
        super().__init__(vault)
        self._fails_at, self._dies, self._numbers = fails_at, dies, count(1)

    def _fails(self) -> bool:
        """Tell whether this is the write that dies; after it nothing is written any more."""
        number = next(self._numbers)
        if 0 < self._fails_at < number:
            raise CrashError("it is dead")
        return number == self._fails_at

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
        fails = self._fails()
        if fails and self._dies is Dies.HALFWAY:
            raise CrashError(key)
        etag = self.vault.put_bytes(key, data, only_if_absent=only_if_absent)
        if fails:
            raise CrashError(key)
        return etag

    @contextmanager
    def writer(self, key: str) -> Iterator[VaultWriter]:
        fails = self._fails()
        with self.vault.writer(key) as sink:
            yield _Cut(sink) if fails and self._dies is Dies.HALFWAY else sink
        if fails:
            raise CrashError(key)


@dataclass
class _Cut:
    """Takes half of the first bytes."""

    sink: Any

    def write(self, data: bytes) -> int:
        self.sink.write(data[: len(data) // 2])
        raise CrashError("half of it is written")
