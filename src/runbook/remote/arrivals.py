"""Objects that arrive one after another in one stream, on their way into a vault: several are stored at once."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from runbook.remote.bulk import pass_on
from runbook.remote.copying import Copied, Wanted, carry, pour
from runbook.remote.pace import Pace
from runbook.remote.patience import patiently
from runbook.remote.vault import Vault
from runbook.remote.vault_batch import VaultBatch
from runbook.remote.vault_file import FileVault

SMALL = 2 * 1024 * 1024  # what is kept in memory while another thread stores it
_AT_ONCE = 16


class Arrivals(Protocol):
    """Takes what arrives; as a context, all of it is settled at its end."""

    def take(self, wanted: Wanted, stream: BinaryIO, outcome: "Future[Copied]") -> None:
        """Read the stream to its end; `outcome` tells what became of it."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle everything."""


def arrivals_at(vault: Vault, workers: int, pace: Pace) -> Arrivals:
    """Return the cheapest way to take in many objects."""
    return (
        BatchArrivals(vault, pace) if isinstance(vault, FileVault) else PooledArrivals(vault, workers, pace)
    )


class BatchArrivals:
    """Into a folder: written at once, committed together."""

    def __init__(self, vault: FileVault, pace: Pace) -> None:
        """Write into `vault`, no faster than `pace`."""
        self._batch, self._pace = VaultBatch(vault), pace

    def take(self, wanted: Wanted, stream: BinaryIO, outcome: "Future[Copied]") -> None:
        """Write the file; its commit settles the outcome."""
        try:
            with self._batch.writer(wanted.target) as sink:
                where = f"{self._batch.where}/{wanted.target}"
                sha256 = pour(wanted, stream, sink, where, self._pace)
        except Exception as exc:  # noqa: BLE001 - it is raised where the future is asked
            outcome.set_exception(exc)
        else:
            sink.committed.add_done_callback(lambda done: pass_on(done, outcome, sha256))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batch.__exit__(kind, error, trace)


class PooledArrivals:
    """Into a bucket: small objects by several threads, a large one as it comes."""

    def __init__(self, vault: Vault, workers: int, pace: Pace) -> None:
        """Store in `vault`, no faster than `pace`."""
        self._vault, self._pace = vault, pace
        self._pool = ThreadPoolExecutor(min(workers, _AT_ONCE), "store")
        self._room = Semaphore(min(workers, _AT_ONCE) * 2)

    def take(self, wanted: Wanted, stream: BinaryIO, outcome: "Future[Copied]") -> None:
        """Store it now if it is large, else read it and leave the rest to a thread."""
        if wanted.size > SMALL:
            self._settle(outcome, lambda: carry(wanted, stream, self._vault, self._pace))
            return
        data = stream.read(SMALL + 1)
        self._room.acquire()
        self._pool.submit(self._store_small, wanted, data, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def _store_small(self, wanted: Wanted, data: bytes, outcome: "Future[Copied]") -> None:
        try:
            self._settle(outcome, lambda: patiently(self._carry, wanted, io.BytesIO(data)))
        finally:
            self._room.release()

    def _carry(self, wanted: Wanted, stream: BinaryIO) -> Copied:
        stream.seek(0)
        return carry(wanted, stream, self._vault, self._pace)

    def _settle(self, outcome: "Future[Copied]", store: Callable[[], Copied]) -> None:
        try:
            copied = store()
        except Exception as exc:  # noqa: BLE001 - it is raised where the future is asked
            outcome.set_exception(exc)
        else:
            outcome.set_result(copied)
