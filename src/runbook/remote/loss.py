"""How a storage and an image snapshot differ, in memory that does not grow with either."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from runbook.domain.image_index import IndexEntry
from runbook.domain.restore_plan import NAMED
from runbook.domain.snapshot import Kind, classify, image_named_by
from runbook.remote.storage import Storage


@dataclass
class Difference:
    """What only the storage has, and what only the snapshot has."""

    newer: int = 0  # blobs of the storage alone
    missing: int = 0  # blobs of the snapshot alone
    later: dict[str, None] = field(
        default_factory=dict
    )  # images of the storage alone, one more than are named

    def note_later(self, path: str) -> None:
        """Remember the image that a link of the storage alone belongs to; a tag instead of its repository."""
        name = image_named_by(path)
        if name is None:
            return
        self.later.pop(name.rpartition(":")[0], None)
        if len(self.later) <= NAMED:
            self.later[name] = None


def compare(index: Iterable[IndexEntry], storage: Storage) -> Difference:
    """Return how a snapshot and the storage differ; both come sorted."""
    seen = Difference()
    for path, sides in groupby(heapq.merge(_named(index), _stored(storage)), key=lambda item: item[0]):
        found = {side for _, side in sides}
        kind = classify(path).kind
        if kind is Kind.BLOB:
            seen.newer += found == {"storage"}
            seen.missing += found == {"snapshot"}
        elif kind in {Kind.LINK, Kind.CURRENT} and found == {"storage"}:
            seen.note_later(path)
    return seen


def _named(index: Iterable[IndexEntry]) -> Iterator[tuple[str, str]]:
    return ((entry.path, "snapshot") for entry in index)


def _stored(storage: Storage) -> Iterator[tuple[str, str]]:
    return ((seen.path, "storage") for seen in storage.list_objects())
