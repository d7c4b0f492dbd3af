"""Rows, bars, and the table they make; nothing here measures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bar:
    """What a row must reach, in words and as a judgement of ours and theirs."""

    text: str
    met: Callable[[float, float], bool]


@dataclass(frozen=True)
class Row:
    """One measurement: what we took, what the other tool took (None where there is none), and the bar."""

    name: str
    ours: float
    theirs: float | None
    unit: str
    bar: Bar
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.bar.met(self.ours, self.theirs if self.theirs is not None else 0)

    def as_data(self) -> dict[str, object]:
        """Return the row as it stands in `var/bench.json`."""
        return {
            "row": self.name,
            "ours": _rounded(self.ours),
            "theirs": None if self.theirs is None else _rounded(self.theirs),
            "unit": self.unit,
            "bar": self.bar.text,
            "met": self.met,
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row as it stands in the table."""
        theirs = "—" if self.theirs is None else f"{_rounded(self.theirs):,}"
        return (
            self.name,
            f"{_rounded(self.ours):,}",
            theirs,
            self.unit,
            self.bar.text,
            "yes" if self.met else "NO",
        )


FASTER = Bar("faster", lambda ours, theirs: ours < theirs)
NO_SLOWER = Bar("no slower", lambda ours, theirs: ours <= theirs)


def times_less(factor: float, word: str = "faster") -> Bar:
    """Return the bar that theirs is at least `factor` times ours."""
    return Bar(f"≥ {factor:g}× {word}", lambda ours, theirs: theirs >= factor * ours)


def at_most(limit: float, unit: str) -> Bar:
    """Return the bar that ours is no more than a fixed number."""
    return Bar(f"≤ {limit:g} {unit}", lambda ours, _: ours <= limit)


def less_than(limit: float, unit: str) -> Bar:
    """Return the bar that ours is below a fixed number."""
    return Bar(f"< {limit:g} {unit}", lambda ours, _: ours < limit)


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as a table of Markdown, aligned for a terminal, and their notes below it."""
    lines = [("row", "ours", "theirs", "unit", "bar", "met"), *(row.cells() for row in rows)]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(lines[0]))]
    drawn = [_line(cells, widths) for cells in lines]
    drawn.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*drawn, *([""] if notes else []), *notes])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Leave the rows in the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([row.as_data() for row in rows], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _rounded(value: float) -> float:
    """Return the value with three digits that count."""
    return round(value) if value >= 100 else float(f"{value:.3g}")  # noqa: PLR2004 - three digits
