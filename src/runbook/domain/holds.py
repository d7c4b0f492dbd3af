"""Garbage collection kept from running while metadata and images are copied."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook.domain.formats import refuse_newer_record

Cron = Mapping[str, Any]
"""All that is set for a job action: `action`, `schedule`, and how long and how often it may be tried."""
Crons = Mapping[str, Cron]  # by job action

_GIVEN = {"id", "nextRun"}  # by the registry, anew each time
_SET = {"retries", "capacityMap", "parameters", "deadline", "stopTimeout"}  # by people (API27)


def settings_of(row: Cron) -> Cron:
    """Return what somebody set in a cron's row: all of it but what the registry itself gives."""
    return {name: value for name, value in row.items() if name not in _GIVEN}


@dataclass(frozen=True)
class HoldRecord:
    """The crons that were taken away, by which run, and since when (UTC)."""

    owner: str
    crons: Crons  # as they were before
    since: datetime

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        fields = {"owner": self.owner, "schedules": self.crons, "since": self.since}
        return json.dumps(fields, default=datetime.isoformat, indent=2).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "HoldRecord":
        """Return the record that `to_json` wrote; NewerFormatError for a later version's."""
        fields = json.loads(data)
        refuse_newer_record("vault", "the hold of garbage collection", fields)
        return cls(fields["owner"], read_crons(fields["schedules"]), datetime.fromisoformat(fields["since"]))


def read_crons(kept: Mapping[str, Any]) -> Crons:
    """Return the crons that a vault keeps; older versions kept nothing but the schedule of each."""
    return {
        action: {"action": action, "schedule": cron} if isinstance(cron, str) else cron
        for action, cron in kept.items()
    }


def describe(crons: Crons) -> str:
    """Return when each action runs, for a log line."""
    return ", ".join(f"{action} {cron['schedule']}" for action, cron in crons.items()) or "not scheduled"


def why_not_released(wanted: Crons, seen: Crons) -> str | None:
    """Say which action is not scheduled as it was before the hold, None when all are."""
    wrong = [
        f"{action} is {seen[action]['schedule'] if action in seen else 'never'} and was {cron['schedule']}"
        for action, cron in wanted.items()
        if action not in seen or seen[action]["schedule"] != cron["schedule"]
    ]
    return "; ".join(wrong) or None


def shown_otherwise(wanted: Crons, seen: Crons) -> str | None:
    """Say what else of a cron is shown otherwise than it was set, None where nothing is.

    It may be lost, or spelled in another way (`1h` as `1h0m0s`): a person can tell.
    """
    return "; ".join(_differences(wanted, seen)) or None


def _differences(wanted: Crons, seen: Crons) -> Iterator[str]:
    for action, cron in wanted.items():
        for name in sorted(_SET & cron.keys()):
            value, now = cron[name], seen.get(action, {}).get(name)
            if (now or None) != (value or None):  # a registry shows what is not set as "", 0, {} or null
                yield f"{name} of {action} is {now!r} and was {value!r}"
