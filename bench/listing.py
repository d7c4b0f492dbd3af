"""Row: the memory of a pass over very many objects."""

from collections.abc import Iterator

from bench.place import Place
from bench.results import Row, at_most
from bench.running import run_ours
from lab.progress import say
from runbook.domain.errors import MismatchError


def measure(place: Place) -> Iterator[Row]:
    """Yield the row."""
    asked = {"objects": place.sizes.listed, "recipient": place.recipient}
    with place.folder_for("listing") as folder:
        took = run_ours("listing", asked | {"target": str(folder)})
    said = took.said
    say(f"listing: {took.seconds:.1f} s")
    if said["findings"] or said["objects"] != place.sizes.listed:
        raise MismatchError("listing", f"it saw {said}", "report this")
    note = (
        f"{took.seconds:.1f} s; {said['blobs']:,} blobs, {said['copied']:,} of them copied;"
        f" index of {said['index'] / 1e6:.0f} MB written"
    )
    yield Row(
        f"listing {said['objects']:,} synthetic objects, memory",
        said["memory"],
        None,
        "MiB",
        at_most(300, "MiB"),
        note,
    )
