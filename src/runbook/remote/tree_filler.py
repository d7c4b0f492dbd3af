"""From a vault into files of a node: one `tar` unpacks what is missing there, whatever the number of files.

What is cut off leaves a short file, which the next run sees by its size and writes again: the last bytes of a file are
not sent before its digest was found right. Owner and group are those of the storage's folder.
"""

import hashlib
import os
import tarfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from runbook.domain.errors import RefusedError
from runbook.domain.image_index import IndexEntry
from runbook.remote.arrivals import SMALL
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import CHUNK, Wanted, check_copied
from runbook.remote.pace import Pace
from runbook.remote.patience import patiently
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.transport import RunningCommand
from runbook.remote.tree_listing import NO_FOLDER
from runbook.remote.vault import Vault

_UNPACK = (
    f'export LC_ALL=C; cd -- "$1" 2>/dev/null || exit {NO_FOLDER}; stat -c "%u %g" . && '
    "tar --extract --file=- --same-owner --same-permissions --no-overwrite-dir --touch && "
    "{ sync -f . 2>/dev/null || sync; }"  # one file system, where this `sync` can
)
_SEND_AT = 256 * 1024
_AHEAD = 16

Content = Wanted | bytes
"""What becomes a file: an object of the vault, or bytes that are known."""


def fill_tree(
    files: Iterable[tuple[IndexEntry, Content]], vault: Vault, storage: TreeStorage, limits: CopyLimits
) -> Iterator[IndexEntry]:
    """Leave the files in the storage, on stable storage at the end; yield each when it was sent."""
    said: list[str] = []
    argv = ("sh", "-c", _UNPACK, "sh", storage.root)
    with (
        ThreadPoolExecutor(min(limits.workers, _AHEAD), "read") as pool,
        storage.machine.start(argv, on_stderr=said.append) as command,
    ):
        try:
            pack = _Pack(command, _owner(command, storage, said), limits.pace)
            for entry, data in _read_ahead(files, vault, pool, limits):
                pack.add(entry, data, vault)
                yield entry
            pack.end()
        except BrokenPipeError as exc:
            raise _not_unpacked(storage, command.wait(), said) from exc
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if status := command.wait():
            raise _not_unpacked(storage, status, said)


def _owner(command: RunningCommand, storage: TreeStorage, said: list[str]) -> tuple[int, int]:
    words = command.stdout.readline().split()
    if len(words) != 2:  # noqa: PLR2004 - user and group
        raise _not_unpacked(storage, command.wait(), said)
    return int(words[0]), int(words[1])


def _not_unpacked(storage: TreeStorage, status: int, said: list[str]) -> RefusedError:
    what = (
        "there is no such folder"
        if status == NO_FOLDER
        else " ".join(said[-3:]) or f"tar ended with {status}"
    )
    return RefusedError(storage.where, what, "see its disk and its mount, then rerun: what is there is kept")


def _read_ahead(
    files: Iterable[tuple[IndexEntry, Content]], vault: Vault, pool: ThreadPoolExecutor, limits: CopyLimits
) -> Iterator[tuple[IndexEntry, Content]]:
    """Yield the files in their order; small objects are read by threads before it is their turn."""
    ahead: deque[tuple[IndexEntry, Content | Future[bytes]]] = deque()
    for entry, content in files:
        if isinstance(content, Wanted) and content.size <= SMALL:
            ahead.append((entry, pool.submit(patiently, _read, vault, content)))
        else:
            ahead.append((entry, content))
        while len(ahead) > min(limits.workers, _AHEAD):
            yield _settled(*ahead.popleft())
    while ahead:
        yield _settled(*ahead.popleft())


def _settled(entry: IndexEntry, content: "Content | Future[bytes]") -> tuple[IndexEntry, Content]:
    return entry, content.result() if isinstance(content, Future) else content


def _read(vault: Vault, wanted: Wanted) -> bytes:
    with vault.open(wanted.source) as stream:
        data = stream.read()
    check_copied(wanted.target, wanted, len(data), hashlib.sha256(data).hexdigest())
    return data


class _Pack:
    """A tar that is written into a command."""

    def __init__(self, command: RunningCommand, owner: tuple[int, int], pace: Pace) -> None:
        self._command, self._owner, self._pace = command, owner, pace
        self._buffer = bytearray()
        self._folder: list[str] = []
        self._now = int(time.time())

    def add(self, entry: IndexEntry, content: Content, vault: Vault) -> None:
        """Write one file, after the folders above it."""
        self._enter(entry.path.split("/")[:-1])
        if isinstance(content, bytes):
            self._header(entry.path, len(content))
            self._send(content)
        else:
            self._header(entry.path, content.size)
            with vault.open(content.source) as stream:
                self._stream(content, stream)
        self._send(bytes(-(entry.size) % tarfile.BLOCKSIZE))

    def _enter(self, folder: list[str]) -> None:
        """Write the folders that the file before was not in."""
        shared = len(os.path.commonprefix([folder, self._folder]))
        for depth in range(shared, len(folder)):
            self._header("/".join(folder[: depth + 1]), 0, tarfile.DIRTYPE)
        self._folder = folder

    def end(self) -> None:
        """Write the end of the tar and close the command's input."""
        self._send(bytes(2 * tarfile.BLOCKSIZE), at_once=True)
        self._command.close_stdin()

    def _stream(self, wanted: Wanted, stream: BinaryIO) -> None:
        """Send the object; its last piece only when the whole of it was right."""
        digest, size, last = hashlib.sha256(), 0, b""
        while data := stream.read(CHUNK):
            digest.update(data)
            size += len(data)
            if size > wanted.size:
                break
            self._send(last)
            last = data
        check_copied(wanted.target, wanted, size, digest.hexdigest())
        self._send(last)

    def _header(self, path: str, size: int, kind: bytes = tarfile.REGTYPE) -> None:
        member = tarfile.TarInfo(f"./{path}")
        member.type, member.size, member.mtime = kind, size, self._now
        member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
        member.uid, member.gid = self._owner
        self._send(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))

    def _send(self, data: bytes, *, at_once: bool = False) -> None:
        self._pace(len(data))
        self._buffer += data
        if at_once or len(self._buffer) >= _SEND_AT:
            data, self._buffer = bytes(self._buffer), bytearray()
            self._command.write(data)
