from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import RecoveryPoint, new_id
from runbook.domain.retention import (
    Circumstances,
    RetentionPlan,
    RetentionPolicy,
    after_a_backup,
    is_expected,
    plan_retention,
    why_outlives_lock,
)
from tests.fakes.manifests import MANIFEST

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
BOLD = 10_000


def point(age: timedelta, *, verified: bool = True, finished: bool = True) -> RecoveryPoint:
    identifier = new_id(NOW - age, "0a1b2c3d")
    if not finished:
        return RecoveryPoint(identifier, None, "it has no manifest", finished=False)
    return RecoveryPoint(identifier, replace(MANIFEST, id=identifier, verified=verified))


def nightly(nights: int) -> list[RecoveryPoint]:
    return [point(timedelta(days=night)) for night in range(nights)]


def plan(points: Sequence[RecoveryPoint], **rules: object) -> RetentionPlan:
    policy = RetentionPolicy(**{"most_at_once": BOLD, **rules})  # type: ignore[arg-type]
    return plan_retention(points, policy, Circumstances(NOW))


def refusal(planned: RetentionPlan) -> str:
    """Why nothing is removed, and what to do."""
    assert planned.removed == ()
    with pytest.raises(RefusedError) as refused:
        planned.require_allowed("vault")
    return f"{refused.value.what}; {refused.value.next_step}"


def kept(planned: RetentionPlan) -> list[str]:
    """The days of the points that stay, newest first."""
    return [verdict.id[:8] for verdict in planned.verdicts if verdict.keep]


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ({"keep_last": 2}, ["20261124", "20261123"]),
        ({"keep_daily": 3}, ["20261124", "20261123", "20261122"]),
        ({"keep_weekly": 3}, ["20261124", "20261122", "20261115"]),  # weeks end on Sunday
        ({"keep_monthly": 3}, ["20261124", "20261031", "20260930"]),
        ({"keep_yearly": 2}, ["20261124", "20251231"]),
        ({"keep_within": timedelta(days=2)}, ["20261124", "20261123"]),
        ({"keep_daily": 1, "keep_monthly": 2}, ["20261124", "20261031"]),
        ({"keep_yearly": 1, "minimum": 3}, ["20261124", "20261123", "20261122"]),
    ],
)
def test_each_rule_keeps_the_newest_of_its_periods(rules: dict[str, object], days: list[str]) -> None:
    assert kept(plan(nightly(400), **rules)) == days


def test_without_a_rule_everything_stays_and_says_why() -> None:
    planned = plan(nightly(30))
    assert planned.removed == ()
    assert {verdict.reasons[-1] for verdict in planned.verdicts} == {"no rule says what may go"}


def test_every_verdict_has_its_reasons() -> None:
    first, second, third = plan(nightly(3), keep_last=1, keep_daily=2).verdicts
    assert first.reasons == ("one of the last 1", "daily, one of 2", "one of the 1 that always stay")
    assert second.reasons == ("daily, one of 2",)
    assert (third.keep, third.reasons) == (False, ("no rule keeps it",))


def test_a_pinned_point_stays_and_says_who_wants_it() -> None:
    old = point(timedelta(days=900))
    seen = Circumstances(NOW, pins={old.id: "Ada: audit 2026"})
    planned = plan_retention([*nightly(2), old], RetentionPolicy(keep_last=1), seen)
    assert planned.removed == (planned.verdicts[1].id,)
    assert planned.verdicts[-1].reasons == ("pinned: Ada: audit 2026",)


def test_points_that_are_not_verified_do_not_count_and_are_not_thrown_away() -> None:
    doubtful = point(timedelta(hours=3), verified=False)
    planned = plan([point(timedelta()), doubtful, point(timedelta(days=1))], keep_last=2)
    assert planned.removed == ()
    assert "somebody should look at it" in planned.verdicts[1].reasons[0]


def test_what_was_never_finished_goes_after_a_day() -> None:
    fresh, old = (point(age, finished=False) for age in (timedelta(hours=3), timedelta(days=2)))
    planned = plan([point(timedelta()), fresh, old], keep_last=9)
    assert planned.removed == (old.id,)


def test_a_point_that_is_being_restored_stays() -> None:
    old = point(timedelta(days=900))
    seen = Circumstances(NOW, restoring=old.id)
    planned = plan_retention([*nightly(2), old], RetentionPolicy(keep_last=1), seen)
    assert planned.removed == (planned.verdicts[1].id,)
    assert planned.verdicts[-1].because == "a restore of it has begun and is not proven"


def test_nothing_goes_while_the_newest_point_is_not_verified() -> None:
    planned = plan([point(timedelta(), finished=False), *nightly(9)[1:]], keep_last=1)
    assert "is not verified: it has no manifest; run `runbook backup`" in refusal(planned)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "there is no point"),
        ([point(timedelta(days=9), finished=False)], "of 1 points none is verified"),
        ([point(timedelta(days=day), verified=False) for day in range(3)], "of 3 points none is verified"),
    ],
    ids=["no point", "none finished", "none verified"],
)
def test_nothing_goes_where_no_point_is_verified(points: list[RecoveryPoint], words: str) -> None:
    assert refusal(plan(points, keep_last=1)).startswith(f"nothing is removed: {words}; run `runbook backup`")


@pytest.mark.parametrize(
    ("points", "skew", "words"),
    [
        ([point(-timedelta(hours=1)), *nightly(5)], timedelta(), "is of the future"),
        (nightly(5), timedelta(minutes=-6), "the vault's clock is 0:06:00 behind this machine's"),
        (nightly(5), timedelta(minutes=6), "the vault's clock is 0:06:00 ahead of this machine's"),
    ],
)
def test_nothing_goes_while_a_clock_is_wrong(
    points: list[RecoveryPoint], skew: timedelta, words: str
) -> None:
    planned = plan_retention(points, RetentionPolicy(keep_last=1), Circumstances(NOW, skew))
    assert words in refusal(planned)


def test_nothing_goes_while_a_folder_among_the_points_is_none() -> None:
    seen = Circumstances(NOW, foreign=("20261101T013000Z-0a1b2c3d.keep",))
    planned = plan_retention(nightly(5), RetentionPolicy(keep_last=1), seen)
    assert "1 folders that are none, first: 20261101T013000Z-0a1b2c3d.keep" in refusal(planned)


def test_a_sudden_mass_expiry_is_refused_and_names_what_permits_it() -> None:
    planned = plan(nightly(20), keep_last=3, most_at_once=7)
    assert refusal(planned) == (
        "nothing is removed: 17 points would go at once, more than 7; "
        "if that is meant: `runbook points prune --confirm --most 17`"
    )
    assert len(plan(nightly(20), keep_last=3, most_at_once=17).removed) == 17


def test_the_report_names_the_first_ten_that_go_and_counts_the_rest() -> None:
    few, many = plan(nightly(3), keep_last=1), plan(nightly(20), keep_last=1, most_at_once=7)
    assert few.sentence() == f"retention: 3 points, 2 kept by no rule: {', '.join(few.expired)}"
    assert many.sentence() == (
        f"retention: 20 points, 19 kept by no rule: {', '.join(many.expired[:10])} and 9 more; "
        "nothing is removed: 19 points would go at once, more than 7"
    )


def test_what_runs_left_unfinished_is_no_mass_expiry() -> None:
    left = [point(timedelta(days=day, hours=1), finished=False) for day in range(2, 12)]
    assert len(plan([*nightly(3), *left], keep_last=3, most_at_once=7).removed) == 10


def test_a_backup_to_come_counts_as_the_newest_point() -> None:
    coming = after_a_backup(nightly(3), NOW + timedelta(hours=1))
    planned = plan_retention(coming, RetentionPolicy(keep_last=3), Circumstances(NOW + timedelta(hours=1)))
    assert [is_expected(verdict.id) for verdict in planned.verdicts] == [True, False, False, False]
    assert planned.removed == (planned.verdicts[-1].id,)


@pytest.mark.parametrize(
    "rules",
    [{"minimum": 0}, {"keep_last": -1}, {"keep_within": timedelta(days=-1)}, {"most_at_once": 0}],
)
def test_a_policy_without_a_floor_or_below_zero_is_none(rules: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no policy"):
        RetentionPolicy(**rules)  # type: ignore[arg-type]


def test_ten_thousand_points_are_judged_each_with_reasons() -> None:
    planned = plan([point(timedelta(hours=hour)) for hour in range(10_000)], keep_daily=30, keep_yearly=3)
    assert len(planned.verdicts) == 10_000
    assert len(kept(planned)) == 31  # 30 days of which the first stands for 2026 too, and 2025


RULES = st.builds(
    RetentionPolicy,
    keep_last=st.integers(0, 5),
    keep_daily=st.integers(0, 5),
    keep_weekly=st.integers(0, 5),
    keep_monthly=st.integers(0, 5),
    keep_yearly=st.integers(0, 3),
    keep_within=st.timedeltas(timedelta(), timedelta(days=60)),
    minimum=st.integers(1, 4),
    most_at_once=st.just(BOLD),
)
POINTS = st.lists(
    st.builds(
        point,
        st.timedeltas(timedelta(), timedelta(days=1500)),
        verified=st.booleans(),
        finished=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda made: made.id,
)


@settings(deadline=None)
@given(POINTS, RULES, st.data())
def test_no_rule_crosses_the_floor_touches_a_pin_or_depends_on_the_order(
    points: list[RecoveryPoint], policy: RetentionPolicy, data: st.DataObject
) -> None:
    pins = dict.fromkeys(data.draw(st.sets(st.sampled_from([p.id for p in points]))) if points else (), "why")
    restoring = data.draw(st.sampled_from([p.id for p in points])) if points else None
    seen = Circumstances(NOW, pins=pins, restoring=restoring)
    planned = plan_retention(points, policy, seen)
    verified = [p.id for p in points if p.verified]
    left = [identifier for identifier in verified if identifier not in planned.removed]
    assert len(left) >= min(policy.minimum, len(verified))
    assert not set(planned.removed) & {*pins, restoring, max(verified, default=None)}
    assert all(p.id not in planned.removed for p in points if p.finished and not p.verified)
    assert all(verdict.reasons for verdict in planned.verdicts)
    assert plan_retention(reversed(points), policy, seen) == planned


@settings(deadline=None)
@given(POINTS, RULES)
def test_what_stays_after_pruning_stays_when_it_is_planned_again(
    points: list[RecoveryPoint], policy: RetentionPolicy
) -> None:
    gone = plan_retention(points, policy, Circumstances(NOW)).removed
    rest = [p for p in points if p.id not in gone]
    assert plan_retention(rest, policy, Circumstances(NOW)).removed == ()


@pytest.mark.parametrize(
    ("rules", "days", "reason"),
    [
        ({"keep_daily": 30}, 30, None),
        ({"keep_daily": 30}, 29, "points are kept for up to 30 days and locked for 29"),
        ({"keep_weekly": 5, "keep_within": timedelta(days=40)}, 40, None),
        ({"keep_yearly": 3}, 400, "points are kept for up to 1098 days and locked for 400"),
        ({}, 3650, "points are kept for ever and locked for 3650 days: older ones can be deleted by others"),
    ],
)
def test_points_that_are_kept_longer_than_they_are_locked_are_told(
    rules: dict[str, object], days: int, reason: str | None
) -> None:
    policy = RetentionPolicy(**rules)  # type: ignore[arg-type]
    assert why_outlives_lock(policy, timedelta(days=days)) == reason


def test_nothing_is_removed_while_a_point_that_must_be_there_has_no_manifest() -> None:
    seen = Circumstances(NOW, missed=("20261101T010203Z-0a1b2c3d",))
    planned = plan_retention(nightly(9), RetentionPolicy(keep_last=2, most_at_once=BOLD), seen)
    assert planned.expired
    assert planned.removed == ()
    assert planned.refusal
    assert "the catalogue names 1 points that have no manifest, first: 20261101" in planned.refusal.what
