"""Garbage collection kept from running while metadata and images are copied."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True)
class HoldRecord:
    """The schedules that were taken away, by which run, and since when (UTC)."""

    owner: str
    schedules: Mapping[str, str]  # job action -> cron expression, as they were before
    since: datetime

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=2).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "HoldRecord":
        """Return the record that `to_json` wrote."""
        fields = json.loads(data)
        return cls(fields["owner"], fields["schedules"], datetime.fromisoformat(fields["since"]))


def why_not_released(wanted: Mapping[str, str], seen: Mapping[str, str]) -> str | None:
    """Say which schedule is not what it was before the hold, None when all are."""
    differing = [
        f"{action} is {seen.get(action, 'never')} and was {schedule}"
        for action, schedule in wanted.items()
        if seen.get(action) != schedule
    ]
    return "; ".join(differing) or None
