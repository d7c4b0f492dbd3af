"""Waiting for a condition until a deadline."""

import time
from collections.abc import Callable

from runbook.domain.errors import NotReadyError

WhyNot = Callable[[], str | None]


def wait_until(why_not: WhyNot, where: str, next_step: str, *, seconds: float, every: float = 0.2) -> None:
    """Return once `why_not` returns None; at the deadline its last answer is the error."""
    deadline = time.monotonic() + seconds
    while (reason := why_not()) is not None:
        if time.monotonic() >= deadline:
            raise NotReadyError(where, f"after {seconds:g} s {reason}", next_step)
        time.sleep(every)
