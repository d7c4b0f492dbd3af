"""How long a hold of garbage collection lasts: as long as its run holds the cluster's lock.

The lock's lease is renewed while the run lives, so it is the hold's lease as well, and a record of any version has it.
"""

from dataclasses import dataclass
from datetime import datetime

from runbook.domain.holds import HoldRecord
from runbook.domain.locks import LockRecord


@dataclass(frozen=True)
class HoldSeen:
    """A hold that is on record, and why it must stay; None when its lease has ended."""

    record: HoldRecord
    why_kept: str | None

    def __str__(self) -> str:
        since = f"garbage collection is held since {self.record.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.why_kept:
            return f"{since} by run {self.record.owner}, {self.why_kept}"
        return f"{since} by run {self.record.owner}, which died or lost the cluster's lock"


def why_kept(record: HoldRecord, lock: LockRecord | None, now: datetime) -> str | None:
    """Say why this hold must stay: somebody's lock lives. None when the hold's lease has ended."""
    if lock is None or lock.until <= now:
        return None
    until = f"{lock.until:%H:%M:%S} UTC"
    if lock.owner == record.owner:
        return f"which lives: its lease runs until {until}"
    return f"which is over; run {lock.owner} ({lock.purpose}) holds the cluster until {until} at least"
