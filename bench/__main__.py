"""`make bench`: measures both sides of each row in this run, prints the table and writes it."""

import os
import sys

from bench import folder, images, listing, metadata, retention
from bench.place import RESULTS, place_for
from bench.programs import ensure_programs, facts
from bench.results import Row, as_table, write_json
from bench.sizes import FULL, QUICK
from lab.progress import say
from runbook.domain.errors import InvalidConfigError, RunbookError

GROUPS = {
    "images": images.measure,
    "folder": folder.measure,
    "metadata": metadata.measure,
    "listing": listing.measure,
    "retention": retention.measure,
}


def main() -> int:
    """Return 0 when every side ran, whether or not a bar was reached."""
    try:
        rows = _measure(_chosen(os.environ.get("ROWS", "")), quick=bool(os.environ.get("QUICK")))
    except RunbookError as error:
        print(error, file=sys.stderr)
        return int(error.exit_status)
    missed = [row.name for row in rows if not row.met]
    print(f"\n{as_table(rows)}\n\n{facts()}")
    print(f"bars missed: {'; '.join(missed)}" if missed else "every bar is reached")
    return 0


def _chosen(names: str) -> tuple[str, ...]:
    """Return the groups that `ROWS` names, all where it names none."""
    chosen = tuple(names.replace(",", " ").split()) or tuple(GROUPS)
    if unknown := [name for name in chosen if name not in GROUPS]:
        raise InvalidConfigError(
            "ROWS", f"there is no {', '.join(unknown)}", f"name some of {', '.join(GROUPS)}"
        )
    return chosen


def _measure(groups: tuple[str, ...], *, quick: bool) -> list[Row]:
    """Return the rows; a quick run tries the bench out and leaves no results."""
    ensure_programs()
    rows: list[Row] = []
    with place_for(QUICK if quick else FULL) as place:
        for group in groups:
            say(group)
            rows += GROUPS[group](place)
    if not quick:
        write_json(rows, RESULTS)
    return rows


if __name__ == "__main__":
    sys.exit(main())
