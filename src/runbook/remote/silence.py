"""An end for commands that would run for ever: a hung program, a share whose server is gone."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Protocol

from runbook.domain.errors import RunbookError


class Endable(Protocol):
    """What can be left before its end, from any thread; a RunningCommand is one."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it if it still runs."""


class SilenceLimit:
    """Ends a command of which nothing was heard for `seconds`; the block that it guards then raises `error`.

    Ending a command closes its streams, so whatever fails in the block after that is a consequence and not told.
    """

    def __init__(
        self,
        seconds: float,
        error: Callable[[], RunbookError],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to wait with the block."""
        self._seconds, self._error, self._clock = seconds, error, clock
        self._heard_at, self._resting = clock(), False
        self._over, self._lost = threading.Event(), threading.Event()

    def heard(self) -> None:
        """Wait as long again: it lives."""
        self._heard_at = self._clock()

    def rest(self) -> None:
        """Wait for nothing until `listen`: who reads is slow, not the command."""
        self._resting = True

    def listen(self) -> None:
        """Wait again, from now on."""
        self.heard()
        self._resting = False

    @contextmanager
    def over(self, command: Endable) -> Iterator[None]:
        """Guard the block that runs the command."""
        self.heard()
        watch = threading.Thread(target=self._wait, args=(command,), name="silence", daemon=True)
        watch.start()
        try:
            yield
        except Exception as consequence:
            if self._lost.is_set():
                raise self._error() from consequence
            raise
        finally:
            self._over.set()
            watch.join()
        if self._lost.is_set():
            raise self._error()

    def _wait(self, command: Endable) -> None:
        while (left := self._left()) > 0:
            if self._over.wait(left):
                return
        self._lost.set()
        with suppress(RunbookError, OSError, ValueError):  # the block raises what there is to say
            command.__exit__(None, None, None)

    def _left(self) -> float:
        return self._seconds if self._resting else self._heard_at + self._seconds - self._clock()
