"""The table of `runbook points list`."""

from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta

from rich import box
from rich.table import Column, Table

from runbook.domain.recovery import RecoveryPoint

COLUMNS = ("age", "state", "version", "last verified", "tags", "references", "blobs", "MB", "copies")


def points_table(
    found: Iterable[RecoveryPoint], now: datetime, pins: Container[str], copies: Callable[[str], str]
) -> Table:
    """Return one row per point; `pins` are the ids of pinned ones, `copies` says which copies hold an id."""
    identifier = Column("point", no_wrap=True)  # whole, however narrow the terminal is: restore wants it
    table = Table(identifier, *(Column(name, overflow="fold") for name in COLUMNS), box=box.SIMPLE)
    for point in found:
        state, *numbers = _cells(point, now, copies)
        pinned = ", pinned" if point.id in pins else ""
        table.add_row(point.id, _age(now - point.created), state + pinned, *numbers)
    return table


def _cells(point: RecoveryPoint, now: datetime, copies: Callable[[str], str]) -> tuple[str, ...]:
    manifest = point.manifest
    if manifest is None:
        return point.problem or "not verified", *[""] * 6, copies(point.id)
    state = "damaged" if point.damage else "verified" if manifest.verified else "not verified"
    seen = point.checked
    last = f"{seen.last}, {_age(now - seen.at)} ago" if seen else "when it was taken"
    counts = (manifest.tags, manifest.proof.references, manifest.images.blobs)
    size = manifest.size + manifest.images.bytes
    return state, manifest.registry_version, last, *map(str, counts), f"{size / 1e6:.1f}", copies(point.id)


def _age(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))
