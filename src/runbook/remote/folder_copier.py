"""From a folder of this machine into a folder's vault: few system calls a file, two syncs for hundreds of them."""

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from runbook.remote.bulk import pass_on
from runbook.remote.copying import CHUNK, Copied, Wanted, check_copied
from runbook.remote.pace import Pace
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault_batch import VaultBatch
from runbook.remote.vault_file import FileVault

_TOGETHER = 32  # files that a thread takes at once: handing over one costs as much as copying a small one
_MOST_THREADS = 4  # more only wait for each other


class FolderCopier:
    """Reads, hashes and writes files in a few threads; a VaultBatch makes them objects."""

    def __init__(self, storage: FolderStorage, vault: FileVault, workers: int, pace: Pace) -> None:
        """Copy from `storage` to `vault`, no faster than `pace`."""
        self._storage, self._where, self._pace = storage, vault.where, pace
        self._batch = VaultBatch(vault)
        self._pool = ThreadPoolExecutor(min(workers, _MOST_THREADS), "copy-files")
        self._next: list[tuple[Wanted, Future[Copied]]] = []

    def submit(self, wanted: Wanted) -> "Future[Copied]":
        """Have the file copied."""
        outcome: Future[Copied] = Future()
        self._next.append((wanted, outcome))
        if len(self._next) == _TOGETHER:
            self.flush()
        return outcome

    def flush(self) -> None:
        """Hand over what waits for company."""
        if self._next:
            together, self._next = self._next, []
            self._pool.submit(self._copy_all, together)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        self._pool.shutdown(cancel_futures=kind is not None)
        self._batch.__exit__(kind, error, trace)

    def _copy_all(self, together: "list[tuple[Wanted, Future[Copied]]]") -> None:
        for wanted, outcome in together:
            try:
                self._copy(wanted, outcome)
            except BaseException as exc:  # noqa: BLE001 - it is raised where the future is asked
                outcome.set_exception(exc)

    def _copy(self, wanted: Wanted, outcome: "Future[Copied]") -> None:
        temporary = self._batch.new_file()
        with self._storage.open(wanted.source) as source, self._batch.vault.errors(wanted.target):
            target = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                size, sha256 = self._carry(source.fileno(), target, wanted.size)
                check_copied(f"{self._where}/{wanted.target}", wanted, size, sha256)
            except BaseException:
                os.unlink(temporary)  # noqa: PTH108 - see VaultBatch
                raise
            finally:
                os.close(target)
        committed = self._batch.commit(temporary, wanted.target)
        committed.add_done_callback(lambda done: pass_on(done, outcome, sha256))

    def _carry(self, source: int, target: int, expected: int) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while data := os.read(source, min(CHUNK, max(expected - size, 0) + 1)):
            digest.update(data)
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
            size += len(data)
            self._pace(len(data))
        return size, digest.hexdigest()
