"""Which recovery points are kept, which are removed, and why: nothing here touches a vault.

Only verified points count. Of each period the newest point stands for it. What no rule keeps is removed, but
never below the floor, never a pinned point or one that is being restored, and nothing at all while something
speaks against removing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import RecoveryPoint, new_id, newest_verified
from runbook.domain.retention_refusals import Circumstances, Refusal, why_not_now

__all__ = ["Circumstances", "Refusal", "RetentionPlan", "RetentionPolicy", "Verdict", "plan_retention"]

LEFTOVER_AFTER = timedelta(days=1)
"""How old a point that was never finished must be before it is taken for one that nobody writes any more."""

_EXPECTED = "00000000"


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

    def __post_init__(self) -> None:
        if min(*self._counts, self.minimum - 1, self.most_at_once - 1) < 0 or self.keep_within < timedelta():
            raise ValueError(f"no policy: {self}")

    @property
    def keeps_everything(self) -> bool:
        """True when no rule says what may go."""
        return not any(self._counts) and not self.keep_within

    @property
    def _counts(self) -> tuple[int, ...]:
        return self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly


@dataclass(frozen=True)
class Verdict:
    """What becomes of one point, and every reason for it."""

    id: str
    keep: bool
    reasons: tuple[str, ...]
    finished: bool = True  # False: it has no manifest, so it was never a recovery point, or is none any more

    @property
    def because(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


@dataclass(frozen=True)
class RetentionPlan:
    """What becomes of every point, newest first; with a `refusal` nothing is removed, whatever the verdicts."""

    verdicts: tuple[Verdict, ...]
    refusal: Refusal | None = None

    @property
    def removed(self) -> tuple[str, ...]:
        """Ids of the points that go; none where removing is refused."""
        return () if self.refusal else self.expired

    @property
    def expired(self) -> tuple[str, ...]:
        """Ids of the points that no rule keeps."""
        return tuple(verdict.id for verdict in self.verdicts if not verdict.keep)

    @property
    def going(self) -> tuple[Verdict, ...]:
        """The verdicts of the points that go, with their reasons; none where removing is refused."""
        return () if self.refusal else tuple(verdict for verdict in self.verdicts if not verdict.keep)

    def sentence(self) -> str:
        """Return one line for the report."""
        gone = f": {', '.join(self.expired)}" if self.expired else ""
        counted = f"retention: {len(self.verdicts)} points, {len(self.expired)} kept by no rule{gone}"
        return f"{counted}; nothing is removed: {self.refusal.what}" if self.refusal else counted

    def require_allowed(self, where: str) -> None:
        """Return where removing may begin; else RefusedError with what to do."""
        if self.refusal:
            what = f"nothing is removed: {self.refusal.what}"
            raise RefusedError(where, what, self.refusal.next_step)


def plan_retention(
    points: Iterable[RecoveryPoint], policy: RetentionPolicy, seen: Circumstances
) -> RetentionPlan:
    """Return what becomes of each point; deciding changes nothing and needs no order of `points`."""
    newest_first = sorted(points, key=lambda point: point.id, reverse=True)
    created = {point.id: point.created for point in newest_first}
    verified = [point.id for point in newest_first if point.verified]
    kept = _kept_by_rule(verified, created, policy, seen.now)
    verdicts = tuple(_judge(point, kept, policy, seen) for point in newest_first)
    gone = set(verified).intersection(verdict.id for verdict in verdicts if not verdict.keep)
    return RetentionPlan(verdicts, why_not_now(newest_first, len(gone), policy.most_at_once, seen))


def after_a_backup(points: Iterable[RecoveryPoint], now: datetime) -> tuple[RecoveryPoint, ...]:
    """Return the points as they will be when a backup that begins now has published one more."""
    points = tuple(points)
    newest = newest_verified(points)
    if newest is None or newest.manifest is None:
        return points
    identifier = new_id(now, _EXPECTED)
    return *points, RecoveryPoint(identifier, replace(newest.manifest, id=identifier, created=now))


def is_expected(identifier: str) -> bool:
    """Tell whether the id is that of a point which `after_a_backup` expects."""
    return identifier.endswith(f"-{_EXPECTED}")


def _judge(
    point: RecoveryPoint, kept: Mapping[str, Sequence[str]], policy: RetentionPolicy, seen: Circumstances
) -> Verdict:
    reasons = [f"pinned: {seen.pins[point.id]}"] if point.id in seen.pins else []
    reasons += ["a restore of it has begun and is not proven"] if point.id == seen.restoring else []
    if point.verified:
        reasons += kept.get(point.id, ())
        if policy.keeps_everything:
            reasons.append("no rule says what may go")
        return Verdict(point.id, bool(reasons), tuple(reasons) or ("no rule keeps it",))
    reasons += _why_kept_unverified(point, seen.now)
    why = tuple(reasons) or ("it is not whole, and more than a day old",)
    return Verdict(point.id, bool(reasons), why, point.finished)


def _why_kept_unverified(point: RecoveryPoint, now: datetime) -> list[str]:
    if point.finished:
        return [f"not verified, and somebody should look at it: {point.problem or 'its manifest says so'}"]
    if now - point.created < LEFTOVER_AFTER:
        return [
            "not finished and less than a day old; of its image data the grace alone keeps what is its own"
        ]
    return []


def _kept_by_rule(
    verified: Sequence[str], created: Mapping[str, datetime], policy: RetentionPolicy, now: datetime
) -> dict[str, list[str]]:
    """Return why rules keep which verified point; `verified` is newest first, what no rule keeps is absent."""
    kept: dict[str, list[str]] = {}

    def keep(points: Iterable[str], why: str) -> None:
        for point in points:
            kept.setdefault(point, []).append(why)

    keep(verified[: policy.keep_last], f"one of the last {policy.keep_last}")
    for rule, count, period_of in _rules(policy):
        keep(_newest_of_each(verified, created, count, period_of), f"{rule}, one of {count}")
    keep((p for p in verified if now - created[p] < policy.keep_within), f"younger than {policy.keep_within}")
    keep(verified[: policy.minimum], f"one of the {policy.minimum} that always stay")
    return kept


Period = tuple[int, ...]


def _rules(policy: RetentionPolicy) -> tuple[tuple[str, int, Callable[[datetime], Period]], ...]:
    """Return name, count and period (in UTC, weeks by ISO 8601) of the calendar rules."""
    return (
        ("daily", policy.keep_daily, lambda at: (at.year, at.month, at.day)),
        ("weekly", policy.keep_weekly, lambda at: tuple(at.isocalendar()[:2])),
        ("monthly", policy.keep_monthly, lambda at: (at.year, at.month)),
        ("yearly", policy.keep_yearly, lambda at: (at.year,)),
    )


def _newest_of_each(
    verified: Sequence[str],
    created: Mapping[str, datetime],
    count: int,
    period_of: Callable[[datetime], Period],
) -> Iterable[str]:
    """Yield the newest point of each of the last `count` periods that have one."""
    seen: set[Period] = set()
    for point in verified:
        of_point = period_of(created[point])
        if of_point not in seen:
            if len(seen) == count:
                return
            seen.add(of_point)
            yield point
