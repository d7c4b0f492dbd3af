"""Object lock: what belongs to recovery points is locked in its bucket, so that nobody deletes it before a date.

A blob is shared by many points. It is locked for longer than the point needs that brings it, by a slack, so that
it is extended once in that time and not with every point.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_DAYS = 3650
"""Ten years: a slip of the keyboard in `compliance` could not be undone."""
_SLACK_PART = 4


class LockMode(StrEnum):
    """Who may shorten a lock: with `governance` those who hold a right of their own, with `compliance` nobody."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


@dataclass(frozen=True)
class ObjectLock:
    """How the objects of points are locked."""

    mode: LockMode
    days: int

    @property
    def slack(self) -> timedelta:
        """How much longer a blob is locked than its newest point needs, when it is locked or extended."""
        return timedelta(days=max(1, self.days // _SLACK_PART))

    def needed_until(self, created: datetime) -> datetime:
        """Return until when everything must be locked that a point of that time is made of."""
        return (created + timedelta(days=self.days)).replace(microsecond=0)  # buckets keep whole seconds

    def until(self, key: str, now: datetime) -> datetime | None:
        """Return until when an object that is written now is locked; None for one that must stay changeable."""
        match _folder(key):
            case "points":
                return self.needed_until(now)
            case "blobs":
                return self.extended_until(now)
        return None

    def extended_until(self, now: datetime) -> datetime:
        """Return until when a blob is locked whose lock is set now."""
        return self.needed_until(now) + self.slack


def _folder(key: str) -> str:
    """Return the folder of a cluster in which `key` lies."""
    return key.split("/", 2)[1] if "/" in key else ""
