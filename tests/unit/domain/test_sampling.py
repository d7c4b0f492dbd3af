from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.errors import InvalidConfigError
from runbook.domain.sampling import CIRCLE, Budget, Item, Rotation, budget_of, next_share, place_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = st.lists(st.text("abcdef0123456789", min_size=1, max_size=6), unique=True, max_size=40)
CURSORS = st.integers(0, CIRCLE - 1)
ITEMS = st.lists(
    st.tuples(st.text("abcdef", min_size=1), st.integers(0, 50)), unique_by=lambda i: i[0], max_size=40
)


def items_of(keys: list[str]) -> list[Item]:
    return [Item(key, 1) for key in keys]


@given(
    percent=st.floats(1, 100),
    always=KEYS,
    coming=st.lists(KEYS, min_size=1, max_size=5),
    cursor=CURSORS,
)
def test_after_enough_runs_every_blob_was_read_that_was_there_all_the_time(
    percent: float, always: list[str], coming: list[list[str]], cursor: int
) -> None:
    budget = budget_of(percent=percent)
    read: set[str] = set()
    for run in range(ceil(Fraction(100) / Fraction(str(percent)))):
        there = items_of([*always, *coming[run % len(coming)]])
        share = next_share(there, cursor, budget.arc)
        read |= {item.key for item in share.items}
        cursor = (cursor + share.reach) % CIRCLE
    assert read >= set(always)


@given(entries=ITEMS, cursor=CURSORS, limit=st.integers(1, 200))
def test_a_budget_of_bytes_is_exceeded_by_less_than_one_blob_and_nothing_is_jumped_over(
    entries: list[tuple[str, int]], cursor: int, limit: int
) -> None:
    items = [Item(*entry) for entry in entries]
    share = next_share(items, cursor, CIRCLE, max_bytes=limit)
    assert sum(item.size for item in share.items[:-1]) < limit
    read = set(share.items)
    assert all((place_of(item.key) - cursor) % CIRCLE >= share.reach for item in items if item not in read)
    assert bool(share.items) == bool(items)


@given(entries=ITEMS, cursor=CURSORS, limit=st.integers(1, 60))
def test_bounded_runs_come_round_whatever_the_budget(
    entries: list[tuple[str, int]], cursor: int, limit: int
) -> None:
    items = [Item(*entry) for entry in entries]
    read: list[Item] = []
    rotation = Rotation(cursor)
    for _ in range(len(items) + 1):
        share = next_share(items, rotation.cursor, CIRCLE, max_bytes=limit, at_most=3)
        read += share.items
        rotation = rotation.advanced(share.reach, NOW)
    assert set(read) >= set(items)


@given(keys=KEYS, cursor=CURSORS, percent=st.floats(1, 100), count=st.integers(0, 5))
def test_a_run_that_was_ended_early_leaves_the_rest_to_the_next(
    keys: list[str], cursor: int, percent: float, count: int
) -> None:
    arc = budget_of(percent=percent).arc
    whole = next_share(items_of(keys), cursor, arc)
    reach = whole.reached(min(count, len(whole.items)))
    rest = next_share(items_of(keys), (cursor + reach) % CIRCLE, arc - reach)
    assert [*whole.items[:count], *rest.items] == whole.items


def test_the_order_of_the_listing_does_not_matter() -> None:
    items = items_of([f"blobs/{n}" for n in range(100)])
    forth = next_share(items, 7, CIRCLE // 3, at_most=20)
    assert next_share(items[::-1], 7, CIRCLE // 3, at_most=20) == forth
    assert len(forth.items) == 20


def test_shares_of_evenly_spread_keys_are_about_as_large_as_they_say() -> None:
    items = items_of([f"blobs/{n}" for n in range(4000)])
    assert len(next_share(items, 0, budget_of(percent=25).arc).items) == pytest.approx(1000, rel=0.1)


def test_a_round_is_whole_from_the_time_on_when_it_began() -> None:
    later = NOW + timedelta(days=7)
    first = Rotation(5).advanced(CIRCLE // 2, NOW)
    assert (first.coverage, first.began, first.whole) == (0.5, NOW, None)
    second = first.advanced(CIRCLE // 2, later)
    assert (second.cursor, second.coverage, second.began, second.whole) == (5, 0, None, NOW)
    beyond = first.advanced(CIRCLE // 4 * 3, later)
    assert (beyond.coverage, beyond.began, beyond.whole) == (0.25, later, NOW)
    assert first.after_all(later) == Rotation(first.cursor, 0, None, later)


def test_an_arc_is_rounded_up_so_that_whole_runs_are_a_whole_round() -> None:
    assert budget_of(percent=100).arc == CIRCLE
    assert 3 * budget_of(percent=33.4).arc >= CIRCLE
    assert budget_of(percent=0.1).arc * 1000 >= CIRCLE
    assert Budget().arc == CIRCLE


@pytest.mark.parametrize(
    ("given_words", "what"),
    [
        ({}, "no share is given"),
        ({"percent": 0.0}, "0.0 is not more than 0"),
        ({"percent": 101.0}, "101.0 is more than 100"),
        ({"max_bytes": -1}, "-1 is not more than 0"),
        ({"minutes": float("nan")}, "nan is not more than 0"),
    ],
)
def test_a_share_that_is_none_is_refused(given_words: dict[str, float], what: str) -> None:
    with pytest.raises(InvalidConfigError, match=what):
        budget_of(**given_words)  # type: ignore[arg-type]
