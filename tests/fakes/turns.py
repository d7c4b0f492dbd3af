"""Runs that take turns: each stops before everything that it does to the world, until it is told to go on."""

import threading
from collections.abc import Callable
from typing import Any


class KilledError(BaseException):
    """The process is gone; nothing that it would have done happens."""


class Actor:
    """A run of `work` in a thread of its own; what it does goes through `hands(target)`."""

    def __init__(self, work: Callable[["Actor"], None]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._go, self._waits = threading.Semaphore(0), threading.Semaphore(0)
        self._ended = self._killed = self._free = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._waits.acquire()

    def hands(self, target: Any) -> Any:
        """Return `target` as this run uses it."""
        return _Hands(target, self._pause)

    def steps(self, count: int) -> bool:
        """Do `count` things more; False if the run had ended before that."""
        for _ in range(count):
            if self._ended:
                return False
            self._go.release()
            self._waits.acquire()
        return not self._ended

    def finish(self) -> None:
        """Go on to the end."""
        self._free = True
        if not self._ended:
            self._go.release()
        self._thread.join()

    def kill(self) -> None:
        """Do nothing ever again."""
        self._killed = True
        self.finish()

    def _run(self) -> None:
        try:
            self._pause()
            self._work(self)
        except BaseException as error:  # noqa: BLE001 - told to whoever asks
            self.error = error
        self._ended = True
        self._waits.release()

    def _pause(self) -> None:
        if threading.current_thread() is self._thread and not self._free:
            self._waits.release()
            self._go.acquire()
        if self._killed:
            raise KilledError


class _Hands:
    def __init__(self, target: Any, pause: Callable[[], None]) -> None:
        self._target, self._pause = target, pause

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)

        def does(*args: Any, **kwargs: Any) -> Any:
            self._pause()
            return found(*args, **kwargs)

        return does if callable(found) else found
