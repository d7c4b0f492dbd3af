"""Which recovery points are kept, which are removed, and why: nothing here touches a vault.

Only verified points count. Of each period the newest point stands for it. What no rule keeps is removed, but
never below the floor, never a pinned point, and nothing at all while something speaks against removing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook.domain.recovery import RecoveryPoint

SKEW = timedelta(minutes=5)
"""How far two clocks may be apart; more, and no age can be trusted."""

LEFTOVER_AFTER = timedelta(days=1)
"""How old a point that was never finished must be before it is taken for one that nobody writes any more."""


@dataclass(frozen=True)
class RetentionPolicy:
    """How many points of each kind are kept; zero everywhere keeps everything."""

    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within: timedelta = timedelta()
    minimum: int = 1  # verified points that always stay
    most_at_once: int = 7  # more than this in one run is taken for a mistake

    @property
    def keeps_everything(self) -> bool:
        """True when no rule says what may go."""
        counts = (
            self.keep_last,
            self.keep_daily,
            self.keep_weekly,
            self.keep_monthly,
            self.keep_yearly,
        )
        return not any(counts) and not self.keep_within


@dataclass(frozen=True)
class Verdict:
    """What becomes of one point, and every reason for it."""

    id: str
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RetentionPlan:
    """What becomes of every point, newest first; with a `refusal` nothing is removed, whatever the verdicts."""

    verdicts: tuple[Verdict, ...]
    refusal: str | None = None

    @property
    def removed(self) -> tuple[str, ...]:
        """Ids of the points that go; none where removing is refused."""
        return () if self.refusal else self.expired

    @property
    def expired(self) -> tuple[str, ...]:
        """Ids of the points that no rule keeps."""
        return tuple(verdict.id for verdict in self.verdicts if not verdict.keep)

    def sentence(self) -> str:
        """Return one line for the report."""
        gone = f": {', '.join(self.expired)}" if self.expired else ""
        counted = f"retention: {len(self.verdicts)} points, {len(self.expired)} kept by no rule{gone}"
        return f"{counted}; nothing is removed, for {self.refusal}" if self.refusal else counted


@dataclass(frozen=True)
class Circumstances:
    """What is known beside the points: the time here, how far the vault's is from it, and the pins (id -> why)."""

    now: datetime
    skew: timedelta = timedelta()
    pins: Mapping[str, str] = field(default_factory=dict)


def plan_retention(
    points: Iterable[RecoveryPoint], policy: RetentionPolicy, seen: Circumstances
) -> RetentionPlan:
    """Return what becomes of each point; deciding changes nothing and needs no order of `points`."""
    newest_first = sorted(points, key=lambda point: point.id, reverse=True)
    verified = [point for point in newest_first if point.verified]
    kept = _kept_by_rule(verified, policy, seen.now)
    verdicts = tuple(_judge(point, kept, policy, seen) for point in newest_first)
    return RetentionPlan(verdicts, _why_not_now(newest_first, verdicts, policy, seen))


def _judge(
    point: RecoveryPoint, kept: Mapping[str, Sequence[str]], policy: RetentionPolicy, seen: Circumstances
) -> Verdict:
    reasons = [f"pinned: {seen.pins[point.id]}"] if point.id in seen.pins else []
    if point.verified:
        reasons += kept.get(point.id, ())
        if policy.keeps_everything:
            reasons.append("no rule says what may go")
        return Verdict(point.id, bool(reasons), tuple(reasons) or ("no rule keeps it",))
    reasons += _why_kept_unverified(point, seen.now)
    return Verdict(point.id, bool(reasons), tuple(reasons) or ("it was never finished, and is a day old",))


def _why_kept_unverified(point: RecoveryPoint, now: datetime) -> list[str]:
    if point.finished:
        return [f"not verified, and somebody should look at it: {point.problem or 'its manifest says so'}"]
    if now - point.created < LEFTOVER_AFTER:
        return ["not finished yet, and less than a day old"]
    return []


def _kept_by_rule(
    verified: Sequence[RecoveryPoint], policy: RetentionPolicy, now: datetime
) -> dict[str, list[str]]:
    """Return why rules keep which verified point; `verified` is newest first, what no rule keeps is absent."""
    kept: dict[str, list[str]] = {}

    def keep(points: Iterable[RecoveryPoint], why: str) -> None:
        for point in points:
            kept.setdefault(point.id, []).append(why)

    keep(verified[: policy.keep_last], f"one of the last {policy.keep_last}")
    for rule, count, period_of in _rules(policy):
        keep(_newest_of_each(verified, count, period_of), f"{rule}, one of {count}")
    keep((p for p in verified if now - p.created < policy.keep_within), f"younger than {policy.keep_within}")
    keep(verified[: policy.minimum], f"one of the {policy.minimum} that always stay")
    return kept


def _rules(policy: RetentionPolicy) -> tuple[tuple[str, int, str], ...]:
    """Return name, count and period (as `strftime` spells it, UTC) of the calendar rules."""
    return (
        ("daily", policy.keep_daily, "%Y-%m-%d"),
        ("weekly", policy.keep_weekly, "%G-%V"),
        ("monthly", policy.keep_monthly, "%Y-%m"),
        ("yearly", policy.keep_yearly, "%Y"),
    )


def _newest_of_each(verified: Sequence[RecoveryPoint], count: int, period: str) -> Iterable[RecoveryPoint]:
    """Yield the newest point of each of the last `count` periods that have one."""
    seen: set[str] = set()
    for point in verified:
        of_point = point.created.strftime(period)
        if of_point not in seen:
            if len(seen) == count:
                return
            seen.add(of_point)
            yield point


def _why_not_now(
    newest_first: Sequence[RecoveryPoint],
    verdicts: Sequence[Verdict],
    policy: RetentionPolicy,
    seen: Circumstances,
) -> str | None:
    """Say why nothing may be removed now, None if it may."""
    if not newest_first:
        return None
    newest = newest_first[0]
    if newest.created > seen.now + SKEW:
        return f"point {newest.id} is of the future: some clock was wrong, and no age can be trusted"
    if abs(seen.skew) > SKEW:
        return f"the vault's clock is {abs(seen.skew)} from this machine's, and no age can be trusted"
    if not newest.verified:
        return f"the newest point, {newest.id}, is not verified: {newest.problem or 'its manifest says so'}"
    going = sum(not verdict.keep for verdict in verdicts)
    if going > policy.most_at_once:
        return f"{going} points would go at once, more than {policy.most_at_once}: see that this is meant"
    return None
