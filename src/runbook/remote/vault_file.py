"""A vault in a folder: `file:///path`.

Every object appears by one atomic link or rename after its bytes were synced. Half-written files are
kept apart in `.partial`, so a listing never shows one and a crash leaves them in one known place.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from runbook.domain.errors import RefusedError
from runbook.remote.blob_seal import BlobSeal
from runbook.remote.vault import (
    AlreadyThereError,
    ChangedError,
    NotThereError,
    VaultObject,
    VaultWriter,
    probe_writable,
)

PARTIAL = ".partial"
_TRIES = 100
_FREE_OR_PERMIT = "check the folder's permissions and free space, then rerun"
_MOUNT_OR_MAKE = "mount it, or make it once with mkdir if it is meant to be new, then rerun"


class FileVault:
    """A folder whose files are the objects."""

    def __init__(self, root: Path, seal: BlobSeal | None = None) -> None:
        """Name the folder; it must be there, else a missing mount would fill the disk below it."""
        self.root = root
        self.seal = seal or BlobSeal()

    @property
    def where(self) -> str:
        """The folder as a URL."""
        return f"file://{self.root}"

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
        """Store `data` in one step."""
        with self.errors(key):
            temporary, file = self._open_partial()
            try:
                with file:
                    file.write(data)
                    self._commit(temporary, file, key, only_if_absent=only_if_absent)
            finally:
                temporary.unlink(missing_ok=True)
        return self._require(key).etag

    def replace_if(self, key: str, data: bytes, etag: str) -> str:
        """Store `data` if the object still has `etag`; writers exclude each other by a lock file."""
        with self.errors(key), self._exclusive():
            seen = self.head(key)
            if seen is None or seen.etag != etag:
                raise ChangedError(
                    f"{self.where}/{key}", "it was changed by someone else", "look again, then rerun"
                )
            return self.put_bytes(key, data)

    def get_bytes(self, key: str) -> bytes:
        """Return the whole object."""
        with self._open_stored(key) as file:
            return file.read()

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Return the object and the entity tag of the very file that was read."""
        with self._open_stored(key) as file:
            return file.read(), etag_of(os.fstat(file.fileno()))

    def open(self, key: str) -> BinaryIO:
        """Return the object as a stream."""
        return self.seal.opened(key, self._open_stored(key), f"{self.where}/{key}")

    def _open_stored(self, key: str) -> BinaryIO:
        with self.errors(key):
            return self.path(key).open("rb")

    def writer(self, key: str) -> AbstractContextManager[VaultWriter]:
        """Store what is written when the block ends cleanly."""
        return self.seal.writer(key, self._file_writer(key))

    @contextmanager
    def _file_writer(self, key: str) -> Iterator[VaultWriter]:
        """Store what is written when the block ends cleanly; only the folder's own errors are renamed."""
        with self.errors(key):
            temporary, file = self._open_partial()
        try:
            with file:
                sink = FileWriter(file, lambda: self.errors(key))
                yield sink
                with self.errors(key):
                    self._commit(temporary, file, key, only_if_absent=True)
                    sink.etag = self._require(key).etag
        finally:
            temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[VaultObject]:
        """Yield the objects under `prefix` in byte order of their keys."""
        self.require_root()
        folder = prefix.rpartition("/")[0]
        for path, stat in _walk(self.root / folder, f"{folder}/" if folder else ""):
            if path.startswith(prefix) and not path.startswith(f"{PARTIAL}/"):
                yield VaultObject(path, stat.st_size, etag_of(stat), _modified(stat))

    def head(self, key: str) -> VaultObject | None:
        """Return what a listing would show for `key`."""
        try:
            with self.errors(key):
                stat = self.path(key).stat()
        except NotThereError:
            return None
        return VaultObject(key, stat.st_size, etag_of(stat), _modified(stat))

    def delete(self, key: str) -> None:
        """Leave no file under `key`, and no empty folder where it was the last one."""
        with self.errors(key):
            path = self.path(key)
            path.unlink(missing_ok=True)
        if path.parent != self.root:
            with suppress(OSError):  # it holds other files, or somebody else was quicker
                path.parent.rmdir()

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Leave no file under any of the keys."""
        refused = {}
        for key in keys:
            try:
                self.delete(key)
            except RefusedError as exc:
                refused[key] = exc.what
        return refused

    def probe_writable(self, prefix: str = "") -> str | None:
        """Return if objects can be written, read back and protected."""
        return probe_writable(self, prefix)

    def content_etag(self, etag: str) -> str | None:
        """Return None: a file's tag says which file it is, not what it holds."""
        return None

    def path(self, key: str) -> Path:
        """Return the file that is the object `key`."""
        parts = key.split("/")
        if not key or any(part in {"", ".", "..", PARTIAL} for part in parts):
            raise RefusedError(self.where, f"{key!r} is no key", "use a relative path without empty parts")
        return self.root.joinpath(*parts)

    def require_root(self) -> None:
        """Return if the folder is there, else RefusedError."""
        if not self.root.is_dir():
            raise RefusedError(self.where, "there is no such folder", _MOUNT_OR_MAKE)

    def _require(self, key: str) -> VaultObject:
        seen = self.head(key)
        if seen is None:
            raise NotThereError(
                f"{self.where}/{key}", "it vanished right after it was written", _FREE_OR_PERMIT
            )
        return seen

    def _open_partial(self) -> tuple[Path, BinaryIO]:
        self.require_root()
        temporary = self.root / PARTIAL / secrets.token_hex(16)
        temporary.parent.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        return temporary, os.fdopen(descriptor, "wb")

    def _commit(self, temporary: Path, file: BinaryIO, key: str, *, only_if_absent: bool) -> None:
        file.flush()
        os.fsync(file.fileno())
        final = self.path(key)
        for attempt in range(_TRIES):
            try:
                _make_folder(final.parent)
                _put(temporary, final, only_if_absent=only_if_absent)
                break
            except FileNotFoundError:  # `delete` took the empty folder away before the file was in it
                if attempt == _TRIES - 1:
                    raise
        sync_folder(final.parent)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        lock = self.root / PARTIAL / "replace.lock"
        lock.parent.mkdir(exist_ok=True, mode=0o700)
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def errors(self, key: str) -> Iterator[None]:
        """Turn what the system raises inside the block into our errors, naming the object."""
        where = f"{self.where}/{key}"
        try:
            yield
        except FileExistsError as exc:
            raise AlreadyThereError(where, "it exists and is write-once", "choose another name") from exc
        except FileNotFoundError as exc:
            raise NotThereError(where, "there is no such object", "run `runbook points list`") from exc
        except OSError as exc:
            raise RefusedError(where, exc.strerror or str(exc), _FREE_OR_PERMIT) from exc


class FileWriter:
    """Counts what goes into the file."""

    def __init__(self, file: BinaryIO, errors: Callable[[], AbstractContextManager[None]]) -> None:
        """Write to `file`; `errors` says whose fault a failure is."""
        self._file = file
        self._errors = errors
        self.size = 0
        self.etag = ""

    def write(self, data: bytes, /) -> int:
        """Append `data`."""
        with self._errors():
            self._file.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Leave it to the commit."""


def _make_folder(folder: Path) -> None:
    """Make `folder` with its parents; FileNotFoundError if another took it away between two looks at it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as exc:
        if folder.exists() and not folder.is_dir():
            raise
        raise FileNotFoundError(exc.errno, exc.strerror, str(folder)) from exc


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield files with their stat in byte order of the whole path, one folder in memory at a time."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    named = sorted((f"{entry.name}/" if entry.is_dir() else entry.name, entry) for entry in entries)
    for name, entry in named:
        if name.endswith("/"):
            yield from _walk(Path(entry.path), prefix + name)
        elif stat := _stat(entry):
            yield prefix + name, stat


def _stat(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Return the file's numbers, None if it was deleted since its folder was read."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return None


def etag_of(stat: os.stat_result) -> str:
    """Return the entity tag of a file: it says which file it is, and when it was written."""
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _modified(stat: os.stat_result) -> datetime:
    return datetime.fromtimestamp(stat.st_mtime, UTC)


def _put(temporary: Path, final: Path, *, only_if_absent: bool) -> None:
    if only_if_absent:
        os.link(temporary, final)  # the one call that refuses to overwrite and is atomic
    else:
        temporary.replace(final)


def sync_folder(folder: Path) -> None:
    """Leave the folder's entries on stable storage."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
