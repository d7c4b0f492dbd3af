"""How a storage and an image snapshot differ, in memory that does not grow with either."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby

from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.snapshot import Kind, classify
from runbook.remote.storage import Storage


def compare(index: Iterable[IndexEntry], storage: Storage) -> tuple[int, int]:
    """Return how many blobs only the storage has, and how many only the snapshot has; both come sorted."""
    newer = missing = 0
    both = heapq.merge(_named(index), _stored(storage))
    for _, sides in groupby(both, key=lambda item: item[0]):
        found = {side for _, side in sides}
        newer += found == {"storage"}
        missing += found == {"snapshot"}
    return newer, missing


def _named(index: Iterable[IndexEntry]) -> Iterator[tuple[str, str]]:
    return ((entry.path, "snapshot") for entry in index if entry.held is Held.BLOB)


def _stored(storage: Storage) -> Iterator[tuple[str, str]]:
    return ((o.path, "storage") for o in storage.list_objects() if classify(o.path).kind is Kind.BLOB)
