"""What speaks against removing anything now, whatever the rules of retention say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook.domain.recovery import RecoveryPoint

SKEW = timedelta(minutes=5)
"""How far two clocks may be apart; more, and no age can be trusted."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing may be removed, and what to do about it."""

    what: str
    next_step: str


@dataclass(frozen=True)
class Circumstances:
    """What is known beside the points, all at one moment."""

    now: datetime
    skew: timedelta = timedelta()  # how far the vault's clock is ahead of ours
    pins: Mapping[str, str] = field(default_factory=dict)  # id -> why
    restoring: str | None = None  # the point whose restore has begun and is not proven
    foreign: tuple[str, ...] = ()  # folders among the points that have no point's name
    missed: tuple[str, ...] = ()  # points that the catalogue names and that have no manifest


def why_not_now(
    newest_first: Sequence[RecoveryPoint], going: int, most_at_once: int, seen: Circumstances
) -> Refusal | None:
    """Say why nothing may be removed now, None if it may; `going` verified points would go."""
    return (
        _why_not_told(newest_first, seen)
        or _why_no_age_counts(newest_first, seen)
        or _why_newest_speaks_against(newest_first)
        or _why_too_many(going, most_at_once)
    )


def _why_not_told(newest_first: Sequence[RecoveryPoint], seen: Circumstances) -> Refusal | None:
    """What image data is needed is known only where all points are known."""
    if seen.foreign:
        names = ", ".join(seen.foreign[:3])
        return Refusal(
            f"among the points there are {len(seen.foreign)} folders that are none, first: {names}",
            "if somebody renamed a point, rename it back; move what is none out of points/",
        )
    if seen.missed:
        return Refusal(
            f"the catalogue names {len(seen.missed)} points that have no manifest, first: {seen.missed[0]}",
            "put the manifest back from a copy; if the point shall be gone, delete its entry in catalogue/",
        )
    if not any(point.verified for point in newest_first):
        there = f"of {len(newest_first)} points none is verified" if newest_first else "there is no point"
        return Refusal(there, _BACK_UP)
    return None


def _why_no_age_counts(newest_first: Sequence[RecoveryPoint], seen: Circumstances) -> Refusal | None:
    newest = newest_first[0]
    if newest.created > seen.now + SKEW:
        return Refusal(f"point {newest.id} is of the future: some clock was wrong", _CLOCK)
    if abs(seen.skew) > SKEW:
        which = "ahead of" if seen.skew > timedelta() else "behind"
        return Refusal(f"the vault's clock is {abs(seen.skew)} {which} this machine's", _CLOCK)
    return None


def _why_newest_speaks_against(newest_first: Sequence[RecoveryPoint]) -> Refusal | None:
    newest = newest_first[0]
    if newest.verified:
        return None
    why = f"the newest point, {newest.id}, is not verified: {newest.why_not_verified}"
    return Refusal(why, _BACK_UP)


def _why_too_many(going: int, most_at_once: int) -> Refusal | None:
    if going <= most_at_once:
        return None
    return Refusal(
        f"{going} points would go at once, more than {most_at_once}",
        f"if that is meant: `runbook points prune --confirm --most {going}`",
    )


_BACK_UP = "run `runbook backup`; when its point is verified, this ends by itself"
_CLOCK = "set the clocks of this machine and of the vault right; no age can be trusted until then"
