"""Copying many objects: each storage in the way that costs it least.

Buckets are asked object by object, by several threads. Files of this machine go into a folder's vault in batches.
Files of a node come in one stream. Whoever copies hands over what is wanted and gets a future for each.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from runbook.remote.copying import Copied, Copier, Wanted
from runbook.remote.patience import patiently


class BulkCopier(Protocol):
    """Copies many objects of one source to one target; as a context, nothing is under way at its end."""

    def submit(self, wanted: Wanted) -> "Future[Copied]":
        """Have the object copied; the future gives what is at the target, or why it is not."""

    def flush(self) -> None:
        """See that everything submitted is copied even if nothing more is submitted: somebody waits for it."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish; give up what is not done after an exception."""


class PooledCopier:
    """One object after another, by several threads."""

    def __init__(self, copier: Copier, pool: ThreadPoolExecutor) -> None:
        """Copy with `copier`, in `pool`."""
        self._copier, self._pool = copier, pool

    def submit(self, wanted: Wanted) -> "Future[Copied]":
        """Have a thread copy it."""
        return self._pool.submit(patiently, self._copier.copy, wanted)

    def flush(self) -> None:
        """Do nothing: threads wait for nobody."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the pool to its owner."""


def pass_on(committed: "Future[str]", outcome: "Future[Copied]", sha256: str) -> None:
    """Give `outcome` what became of the commit that was its last step."""
    if error := committed.exception():
        outcome.set_exception(error)
    else:
        outcome.set_result(Copied(committed.result(), sha256))
