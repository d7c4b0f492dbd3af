"""Many objects of a vault read and hashed at once, about as fast as the hash itself.

A task of a thread is many small objects or one large one, and each thread reads into one buffer of its own: a
new megabyte for each object of 64 KiB costs more than hashing it.
"""

import hashlib
import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, cast

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.sampling import Item
from runbook.remote.vault import NotThereError, Vault

READERS = 8
_BUFFER = 256 * 1024
_OBJECTS = 64  # of a task at most
_BYTES = 32 * 1024 * 1024  # a task ends with the object that reaches them
_AHEAD = 3 * READERS  # tasks
_local = threading.local()


class Hashed(NamedTuple):
    """An object that was read: the SHA-256 of its bytes, or why there is none."""

    item: Item
    sha256: str
    problem: str | None = None


def hashed(
    vault: Vault, prefix: str, items: Iterable[Item], go_on: Callable[[], bool] = lambda: True
) -> Iterator[Hashed]:
    """Yield the objects in their order, each read to its end; the first that is not begun ends it.

    None is begun once `go_on` says no.
    """
    waiting: deque[tuple[int, Future[list[Hashed]]]] = deque()
    with ThreadPoolExecutor(READERS, "hash") as pool:
        try:
            for task in _tasks(items):
                waiting.append((len(task), pool.submit(_hash, vault, prefix, task, go_on)))
                if len(waiting) > _AHEAD:
                    wanted, done = waiting.popleft()
                    yield from done.result()
                    if len(done.result()) < wanted:
                        return
            for wanted, done in waiting:
                yield from done.result()
                if len(done.result()) < wanted:
                    return
        finally:
            for _, future in waiting:
                future.cancel()


def _tasks(items: Iterable[Item]) -> Iterator[list[Item]]:
    task: list[Item] = []
    size = 0
    for item in items:
        task.append(item)
        size += item.size
        if len(task) == _OBJECTS or size >= _BYTES:
            yield task
            task, size = [], 0
    if task:
        yield task


def _hash(vault: Vault, prefix: str, task: list[Item], go_on: Callable[[], bool]) -> list[Hashed]:
    done = []
    for item in task:
        if not go_on():
            break
        done.append(_hash_one(vault, prefix, item))
    return done


def _hash_one(vault: Vault, prefix: str, item: Item) -> Hashed:
    digest = hashlib.sha256()
    buffer = _buffer()
    try:
        with vault.open(prefix + item.key) as opened:
            stream = cast("io.RawIOBase", opened)
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
    except NotThereError:
        return Hashed(item, "", "is not in the vault")
    except OSError as exc:
        return Hashed(item, "", f"cannot be read: {exc.strerror or exc}")
    except MismatchError as exc:  # an encrypted one that does not open
        return Hashed(item, "", f"cannot be opened: {exc.what}")
    except RefusedError as exc:
        if not isinstance(exc.__cause__, OSError):  # the vault refuses us, and says nothing of this object
            raise
        return Hashed(item, "", f"cannot be read: {exc.what}")
    return Hashed(item, digest.hexdigest())


def _buffer() -> memoryview:
    buffer: memoryview | None = getattr(_local, "buffer", None)
    if buffer is None:
        buffer = _local.buffer = memoryview(bytearray(_BUFFER))
    return buffer
