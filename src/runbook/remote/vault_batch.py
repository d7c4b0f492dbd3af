"""Many files into a folder's vault at once: what was written meanwhile is synced together.

A sync for each file costs more than its bytes where files are small. Here one thread takes all that is written when it
is free, syncs the file system, links the files under their keys and syncs again; the next files are written meanwhile.
A file's future is done when the file is an object on stable storage, as the vault promises, and not before.
"""

import ctypes
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from runbook.remote.vault_file import PARTIAL, FileVault, FileWriter, etag_of, sync_folder

_SYNCFS_TELLS_ERRORS = (5, 8)  # of Linux: before, it ends well whatever the disk said


class _Written(NamedTuple):
    """A file whose bytes were handed to the system, and the object that it is to become."""

    temporary: str
    key: str
    committed: "Future[str]"  # its entity tag


class BatchWriter(FileWriter):
    """One file of a batch; `committed` is done when it is an object."""

    committed: "Future[str]"


class VaultBatch:
    """Write-once objects of a FileVault, committed together; as a context, none is left open at its end."""

    def __init__(self, vault: FileVault) -> None:
        """Write into `vault`, whose folder must be there."""
        self.vault = vault
        self.where = vault.where
        vault.require_root()
        self._partial = vault.root / PARTIAL
        self._partial.mkdir(exist_ok=True, mode=0o700)
        self._name, self._number = secrets.token_hex(8), count()
        self._waiting: list[_Written] = []
        self._changed = threading.Condition()
        self._ended = False
        self._folders: set[str] = set()
        self._disk = os.open(
            vault.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        )  # it is told of errors from here on
        self._thread = threading.Thread(target=self._commit_until_ended, name="vault-batch", daemon=True)
        self._thread.start()

    def new_file(self) -> str:
        """Return the path of a file that is not there yet, on the vault's file system."""
        return f"{self._partial}/{self._name}-{next(self._number)}"

    def commit(self, temporary: str, key: str) -> "Future[str]":
        """Make the written file an object; the future gives its entity tag, or AlreadyThereError."""
        written = _Written(temporary, key, Future())
        with self._changed:
            self._waiting.append(written)
            self._changed.notify()
        return written.committed

    @contextmanager
    def writer(self, key: str) -> Iterator[BatchWriter]:
        """Take an object's bytes; on a clean exit they wait for the next commit, on an exception they are gone."""
        with self.vault.errors(key):
            temporary = self.new_file()
            file: BinaryIO = open(temporary, "xb", opener=_private)  # noqa: SIM115 - closed below, before the commit
        try:
            with file:
                sink = BatchWriter(file, lambda: self.vault.errors(key))
                yield sink
                with self.vault.errors(key):
                    file.flush()
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sink.committed = self.commit(temporary, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        os.close(self._disk)

    def _commit_until_ended(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                batch, self._waiting = self._waiting, []
            if not batch:
                return
            try:
                self._commit_all(batch)
            except BaseException as exc:  # noqa: BLE001 - whoever waits for one of them gets it
                _fail(batch, exc)

    def _commit_all(self, batch: Sequence[_Written]) -> None:
        try:
            with self.vault.errors(batch[0].key):
                _sync(self._disk, [written.temporary for written in batch])
            tags = [self._link(written) for written in batch]
        finally:
            for written in batch:
                with suppress(OSError):
                    os.unlink(written.temporary)  # noqa: PTH108 - a Path for each file is measurable
        with self.vault.errors(batch[0].key):
            self._sync_folders({self._folder(written.key) for written in batch})
        for written, tag in zip(batch, tags, strict=True):
            if isinstance(tag, str):
                written.committed.set_result(tag)
            else:
                written.committed.set_exception(tag)

    def _link(self, written: _Written) -> str | BaseException:
        try:
            with self.vault.errors(written.key):
                final = self.vault.path(written.key)
                self._make_folder(self._folder(written.key))
                os.link(written.temporary, final)
                return etag_of(os.stat(final))  # noqa: PTH116 - as above
        except Exception as exc:  # noqa: BLE001 - one that is there already says nothing of the others
            return exc

    def _sync_folders(self, folders: set[str]) -> None:
        """Leave the names of the new objects on stable storage, and those of the folders that were made."""
        if _has_syncfs():
            _syncfs(self._disk)
            return
        above = {parent for folder in folders for parent in (Path(folder), *Path(folder).parents)}
        for folder in sorted(above, reverse=True):
            if folder.is_relative_to(self.vault.root):
                sync_folder(folder)

    def _folder(self, key: str) -> str:
        return f"{self.vault.root}/{key.rpartition('/')[0]}"

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folders.add(folder)


def _fail(batch: Sequence[_Written], error: BaseException) -> None:
    for written in batch:
        if not written.committed.done():
            written.committed.set_exception(error)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync(disk: int, files: Sequence[str]) -> None:
    """Leave the content of the files on stable storage, or raise OSError."""
    if _has_syncfs():
        _syncfs(disk)
        return
    for file in files:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@cache
def _has_syncfs() -> bool:
    system = os.uname()
    version = tuple(int(part) for part in system.release.split("-")[0].split(".")[:2] if part.isdigit())
    return system.sysname == "Linux" and version >= _SYNCFS_TELLS_ERRORS and hasattr(_libc(), "syncfs")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syncfs(disk: int) -> None:
    if _libc().syncfs(disk):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
