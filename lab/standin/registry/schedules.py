"""Cron schedules: six fields, seconds first, or a name such as `@daily`."""

from dataclasses import dataclass
from datetime import datetime

_NAMED = {
    "@yearly": "0 0 0 1 1 *", "@monthly": "0 0 0 1 * *", "@weekly": "0 0 0 * * 0", "@daily": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}  # fmt: skip
_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Schedule:
    """The values that each field allows."""

    fields: tuple[frozenset[int], ...]

    def matches(self, moment: datetime) -> bool:
        """Tell whether something is due in this second."""
        values = (
            moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7,
        )  # fmt: skip
        return all(value in allowed for value, allowed in zip(values, self.fields, strict=True))


def parse(text: str) -> Schedule:
    """Return the schedule, or raise ValueError."""
    fields = _NAMED.get(text, text).split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{text!r}: a schedule has six fields or is one of {', '.join(_NAMED)}")
    return Schedule(tuple(_field(field, *span) for field, span in zip(fields, _RANGES, strict=True)))


def _field(text: str, low: int, high: int) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(part, low, high))


def _part(text: str, low: int, high: int) -> range:
    span, _, step = text.partition("/")
    first, _, last = span.partition("-")
    if span in ("*", "?"):
        begin, end = low, high
    else:
        begin = _number(first)
        end = _number(last) if last else (high if step else begin)
    if not low <= begin <= end <= high:
        raise ValueError(f"{text!r} is not between {low} and {high}")
    return range(begin, end + 1, int(step) if step else 1)


def _number(text: str) -> int:
    return _DAYS.index(text.lower()) if text.lower() in _DAYS else int(text)
