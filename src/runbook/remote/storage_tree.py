"""A registry's storage in files: on a node, reached over SSH, or in a folder of this machine."""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.domain.snapshot import StoredObject
from runbook.remote.machine import LocalMachine, Machine
from runbook.remote.transport import RunningCommand
from runbook.remote.tree_listing import has_files, list_tree
from runbook.remote.vault import NotThereError

_READ = 1024 * 1024


class TreeStorage:
    """Files below one folder of a machine; many are read, or written, in one stream."""

    def __init__(self, machine: Callable[[], Machine], root: Callable[[], str], where: str) -> None:
        """Use a machine and a folder that are looked up when they are needed first."""
        self._machine, self._root = machine, root
        self.where = where

    @property
    def machine(self) -> Machine:
        """Where commands run, connected anew if the connection was lost."""
        return self._machine()

    @property
    def root(self) -> str:
        """The folder that holds the registry's tree, as it is now."""
        return self._root()

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield every file in byte order of the paths: two commands in all."""
        return list_tree(self.machine, self.root, self.where)

    def is_empty(self) -> bool:
        """Tell whether no file is there."""
        return not has_files(self.machine, self.root, self.where)

    def open(self, path: str) -> BinaryIO:
        """Return one file as a stream, a command of its own: for the few that no listing explains."""
        return cast("BinaryIO", io.BufferedReader(_File(self, path), _READ))

    def full_path(self, path: str) -> str:
        """Return the file's path on its machine."""
        return f"{self.root}/{path}"


class FolderStorage(TreeStorage):
    """A folder of this machine, a share that is mounted here for one."""

    def __init__(self, folder: Path | str) -> None:
        """Use `folder`, which must be there when it is first read."""
        super().__init__(LocalMachine, lambda: str(folder), f"file://{folder}")

    def open(self, path: str) -> BinaryIO:
        """Return the file as a stream."""
        try:
            return open(self.full_path(path), "rb")  # noqa: SIM115 - the caller closes it
        except FileNotFoundError as exc:
            raise not_there(self.where, path) from exc
        except OSError as exc:
            raise RefusedError(
                f"{self.where}/{path}", f"it cannot be read: {exc.strerror}", "see its owner and mode"
            ) from exc


def not_there(where: str, path: str) -> NotThereError:
    """Return the error of a file that is gone."""
    return NotThereError(f"{where}/{path}", "there is no such file", "see who deletes image data, then rerun")


class _File(io.RawIOBase):
    """What `cat` prints of one file; its end counts only if `cat` says that it is one."""

    def __init__(self, storage: TreeStorage, path: str) -> None:
        super().__init__()
        self._where, self._path = storage.where, path
        self._said: list[str] = []
        argv = ("cat", "--", storage.full_path(path))
        self._command: RunningCommand = storage.machine.start(argv, on_stderr=self._said.append)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        data = self._command.stdout.read1(len(buffer))  # type: ignore[attr-defined]
        buffer[: len(data)] = data
        if not data and not self._ended:
            self._ended = True
            self._require_end()
        return len(data)

    def close(self) -> None:
        if not self.closed:
            with suppress(RunbookError):  # whoever reads has its own error already
                self._command.__exit__(None, None, None)
        super().close()

    def _require_end(self) -> None:
        if status := self._command.wait():
            said = " ".join(self._said)
            if "No such file or directory" in said:
                raise not_there(self._where, self._path)
            what = f"it cannot be read, status {status}: {said}"
            raise UnreachableError(f"{self._where}/{self._path}", what, "see its node's log, then rerun")
