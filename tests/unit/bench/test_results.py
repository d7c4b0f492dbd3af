import json
from pathlib import Path

import pytest

from bench.results import (
    FASTER,
    NO_SLOWER,
    Bar,
    Row,
    as_table,
    at_most,
    less_than,
    times_less,
    write_json,
)


@pytest.mark.parametrize(
    ("bar", "ours", "theirs", "met"),
    [
        (FASTER, 1.0, 1.1, True),
        (FASTER, 1.0, 1.0, False),
        (NO_SLOWER, 1.0, 1.0, True),
        (NO_SLOWER, 1.1, 1.0, False),
        (times_less(25), 2.0, 50.0, True),
        (times_less(25), 2.0, 49.9, False),
        (times_less(100, "fewer"), 211, 31_506, True),
        (at_most(256, "MiB"), 256, None, True),
        (at_most(256, "MiB"), 256.1, None, False),
        (less_than(1, "s"), 0.999, None, True),
        (less_than(1, "s"), 1.0, None, False),
    ],
)
def test_a_bar_is_met_at_its_number_and_not_beyond(
    bar: Bar, ours: float, theirs: float | None, met: bool
) -> None:
    assert Row("row", ours, theirs, "s", bar).met is met


ROWS = [
    Row("snapshot", 4.236, 190.04, "s", times_less(25), "the faster is tuned"),
    Row("memory", 312.7, None, "MiB", at_most(300, "MiB")),
]


def test_the_table_has_both_sides_and_names_a_bar_that_is_missed() -> None:
    lines = as_table(ROWS).splitlines()
    assert " ".join(lines[2].split()) == "| snapshot | 4.24 | 190 | s | ≥ 25× faster | yes |"
    assert " ".join(lines[3].split()) == "| memory | 313 | — | MiB | ≤ 300 MiB | NO |"
    assert lines[-1] == "- snapshot: the faster is tuned"
    assert len({len(line) for line in lines[:4]}) == 1


def test_the_file_has_what_the_table_has(tmp_path: Path) -> None:
    write_json(ROWS, tmp_path / "new" / "bench.json")
    assert json.loads((tmp_path / "new" / "bench.json").read_text()) == [
        {"row": "snapshot", "ours": 4.24, "theirs": 190, "unit": "s", "bar": "≥ 25× faster", "met": True},
        {"row": "memory", "ours": 313, "theirs": None, "unit": "MiB", "bar": "≤ 300 MiB", "met": False},
    ]
