"""A bounded share of all objects, and after enough shares every one of them.

Every object has a place on a circle that follows from its key alone. A share is an arc of it, and the next one begins
where the last ended. So arcs that add up to the circle meet every object that was there all the time, whatever
came or went in between; of evenly spread keys, a quarter of the circle holds about a quarter.
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from runbook.domain.errors import InvalidConfigError

CIRCLE = 1 << 64


class Item(NamedTuple):
    """One object that can be read: its key, its size, and the SHA-256 that its bytes must have, where it is known."""

    key: str
    size: int
    sha256: str = ""
    etag: str = ""


@dataclass(frozen=True)
class Budget:
    """How much one sample may read; where several are given, the first that is used up ends it."""

    percent: Fraction | None = None
    bytes: int | None = None
    seconds: float | None = None

    @property
    def arc(self) -> int:
        """The share of the circle: rounded up, so that ⌈100/percent⌉ of them are all of it."""
        if self.percent is None:
            return CIRCLE
        share = self.percent / 100
        return -(-CIRCLE * share.numerator // share.denominator)


def budget_of(
    percent: float | None = None, max_bytes: int | None = None, minutes: float | None = None
) -> Budget:
    """Return the budget of an operator's words, InvalidConfigError where they make none."""
    for name, given in (("percent", percent), ("bytes", max_bytes), ("minutes", minutes)):
        if given is not None and not given > 0:
            raise InvalidConfigError(f"--{name}", f"{given} is not more than 0", "give a share that is")
    whole = 100
    if percent is not None and percent > whole:
        raise InvalidConfigError("--percent", f"{percent} is more than 100", "use --mode full for every byte")
    if percent is None and max_bytes is None and minutes is None:
        raise InvalidConfigError("sample", "no share is given", "give --percent, --bytes or --minutes")
    seconds = None if minutes is None else minutes * 60
    return Budget(None if percent is None else Fraction(str(percent)), max_bytes, seconds)


@dataclass(frozen=True)
class Rotation:
    """How far samples have come: kept from run to run."""

    cursor: int = 0  # where on the circle the next sample begins
    covered: int = 0  # of the circle, since `began`
    began: datetime | None = None
    whole: datetime | None = None  # every object that was there was read since then

    @property
    def coverage(self) -> float:
        """The share of the circle that was covered in this round, 0 to 1."""
        return self.covered / CIRCLE

    def advanced(self, reach: int, now: datetime) -> "Rotation":
        """Return where things stand after a sample covered `reach` from the cursor on."""
        began = self.began or now
        covered, cursor = self.covered + reach, (self.cursor + reach) % CIRCLE
        if covered < CIRCLE:
            return Rotation(cursor, covered, began, self.whole)
        left = covered - CIRCLE
        return Rotation(cursor, left, now if left else None, began)

    def after_all(self, now: datetime) -> "Rotation":
        """Return where things stand after every object was read: the next round begins here."""
        return Rotation(self.cursor, 0, None, now)


class Share(NamedTuple):
    """The objects to read now, in the order of the circle, and how far along it they lead."""

    items: Sequence[Item]
    reach: int  # there is nothing unread before it
    distances: Sequence[int]

    def reached(self, count: int) -> int:
        """Return how far the first `count` of the objects lead."""
        return self.distances[count] if count < len(self.items) else self.reach


def place_of(key: str) -> int:
    """Return an object's place on the circle."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])


def next_share(
    items: Iterable[Item], cursor: int, arc: int, *, max_bytes: int | None = None, at_most: int = CIRCLE
) -> Share:
    """Return the objects on the arc that begins at `cursor`, as far as the budget goes.

    An object is begun while less than `max_bytes` were read, so the last one may lead beyond. Memory grows with the
    share alone, in whatever order the objects come.
    """
    chosen: list[tuple[int, Item]] = []  # a heap, the farthest first
    total, reach = 0, arc
    for item in items:
        distance = (place_of(item.key) - cursor) % CIRCLE
        if distance >= reach:
            continue
        heapq.heappush(chosen, (-distance, item))
        total += item.size
        while len(chosen) > at_most or (max_bytes is not None and total - chosen[0][1].size >= max_bytes):
            farthest, left_out = heapq.heappop(chosen)
            total -= left_out.size
            reach = -farthest
    chosen.sort(reverse=True)
    return Share([item for _, item in chosen], reach, [-distance for distance, _ in chosen])
