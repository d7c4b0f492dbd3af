"""A registry's schedules and jobs."""

from types import TracebackType
from typing import Any, Self

from runbook.domain.holds import Cron, Crons

GC = "onlinegc"
SATURDAY: dict[str, Any] = {
    "action": GC,
    "schedule": "0 0 3 * * 6",
    "retries": 2,
    "capacityMap": None,
    "parameters": {"verbose": "1"},
    "deadline": "3h",
    "stopTimeout": "5m",
}
LICENCE: dict[str, Any] = {"action": "license_update", "schedule": "@daily"}
_DEFAULTS = {"retries": 0, "capacityMap": None, "parameters": None, "deadline": "", "stopTimeout": ""}


class FakeScheduler:
    """Keeps a cron as it is given, with defaults for the rest; a `deaf` one takes every order and does nothing.

    `busy` is for how many more looks garbage collection runs.
    """

    def __init__(self, *, deaf: bool = False, busy: int = 0) -> None:
        self.rows: dict[str, Cron] = {GC: SATURDAY, "license_update": LICENCE}
        self.deaf = deaf
        self.busy = busy
        self.looks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is no connection to close."""

    def crons(self) -> Crons:
        return dict(self.rows)

    def set_cron(self, cron: Cron) -> None:
        if not self.deaf:
            self.rows[cron["action"]] = {**_DEFAULTS, **cron}

    def delete_cron(self, action: str) -> None:
        self.rows.pop(action, None)

    def running_jobs(self) -> tuple[str, ...]:
        self.looks += 1
        self.busy -= 1
        return ("license_update", GC) if self.busy >= 0 else ("license_update",)
