"""The same work for many things: some at once, a bounded number ahead, the results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def bounded(work: Callable[[T], R], things: Iterable[T], *, workers: int, window: int) -> Iterator[R]:
    """Yield `work` of each thing in their order; the first that raises ends all, and nothing new is begun."""
    with ThreadPoolExecutor(workers, "bounded") as pool:
        flying: deque[Future[R]] = deque()
        try:
            for thing in things:
                flying.append(pool.submit(work, thing))
                while len(flying) > window or (flying and flying[0].done()):
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
