"""A vault keeps recovery points: a folder or a bucket behind one small protocol.

Keys are relative to the vault's root and use `/`. Whatever a vault reports as written is on stable
storage; a writer that fails leaves nothing behind. Objects written with `writer` are write-once.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import BinaryIO, NamedTuple, Protocol

from runbook.domain.errors import RefusedError

PROBE = ".probe-"


class VaultObject(NamedTuple):
    """One object as a listing shows it; a tuple because there may be a million of them."""

    key: str
    size: int
    etag: str
    modified: datetime


class AlreadyThereError(RefusedError):
    """The key exists and may not be overwritten."""


class NotThereError(RefusedError):
    """The key does not exist."""


class ChangedError(RefusedError):
    """The object is no longer the one that the caller read."""


class VaultWriter(Protocol):
    """Takes the bytes of one object; `size` and `etag` are known after a clean exit."""

    size: int
    etag: str

    def write(self, data: bytes, /) -> int:
        """Take all of `data`; the return value is its length."""

    def flush(self) -> None:
        """Do nothing; present so that a writer can stand where a file is expected."""


class Vault(Protocol):
    """Where recovery points, locks, holds and audit records are kept."""

    @property
    def where(self) -> str:
        """The vault's address as an operator writes it."""

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
        """Store `data`, return its entity tag; with `only_if_absent`, AlreadyThereError if it exists."""

    def replace_if(self, key: str, data: bytes, etag: str) -> str:
        """Store `data` if the object still has `etag`, else ChangedError; return the new entity tag."""

    def get_bytes(self, key: str) -> bytes:
        """Return the whole object, or raise NotThereError."""

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Return the object and the entity tag it had when it was read, for `replace_if`."""

    def open(self, key: str) -> BinaryIO:
        """Return the object as a stream that the caller closes, or raise NotThereError."""

    def writer(self, key: str) -> AbstractContextManager[VaultWriter]:
        """Store what is written: committed on a clean exit, gone on an exception, never overwriting."""

    def list(self, prefix: str) -> Iterator[VaultObject]:
        """Yield the objects whose key begins with `prefix`, in byte order of their keys."""

    def head(self, key: str) -> VaultObject | None:
        """Return what a listing would show for `key`, or None."""

    def delete(self, key: str) -> None:
        """Leave no object under `key`; absent already is fine."""

    def probe_writable(self, prefix: str = "") -> None:
        """Return if objects can be written, read back, protected and deleted; else say which cannot."""

    def content_etag(self, etag: str) -> str | None:
        """Return the MD5 of the content when that is what `etag` is, else None."""


def probe_writable(vault: Vault, prefix: str = "") -> None:
    """Return after a probe object was written, read back, not overwritten and deleted."""
    key = f"{prefix}{PROBE}{secrets.token_hex(8)}"
    data = hashlib.sha256(key.encode()).digest()
    with suppress(AlreadyThereError):  # an answer was lost: nobody else makes this name
        vault.put_bytes(key, data, only_if_absent=True)
    try:
        if vault.get_bytes(key) != data:
            raise RefusedError(vault.where, "a probe object reads back other than it was written", _NEXT)
        _require_write_once(vault, key, data)
    finally:
        vault.delete(key)
    if vault.head(key) is not None:
        raise RefusedError(vault.where, "a deleted probe object is still there", _NEXT)


def _require_write_once(vault: Vault, key: str, data: bytes) -> None:
    try:
        vault.put_bytes(key, data, only_if_absent=True)
    except AlreadyThereError:
        return
    what = "it overwrites an object that was to be written only if absent, so locks would not hold"
    raise RefusedError(vault.where, what, "use a storage that honours If-None-Match")


_NEXT = "give the vault's credentials the right to read, write, list and delete, then rerun"
