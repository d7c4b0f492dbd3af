"""Row: how long it takes to decide what becomes of very many recovery points."""

from collections.abc import Iterator

from bench.place import Place
from bench.results import Row, less_than
from bench.running import run_ours
from runbook.domain.errors import MismatchError


def measure(place: Place) -> Iterator[Row]:
    """Yield the row."""
    points = place.sizes.points
    said = run_ours("retention", {"points": points}).said
    if said["verdicts"] != points:
        raise MismatchError("retention", f"it judged {said['verdicts']} of {points} points", "report this")
    note = f"the decision alone, in memory; {said['expired']:,} of them expire"
    yield Row(f"retention over {points:,} points", said["seconds"], None, "s", less_than(1, "s"), note)
