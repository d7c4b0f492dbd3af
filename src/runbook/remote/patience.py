"""Waiting out a storage that asks to be asked less.

The S3 client itself tries a request a few times within seconds ("standard" mode; its "adaptive" mode guesses at the
permitted rate, is called experimental by its makers, and has the same small stock of retries, so it gives up as
early). A provider that says SlowDown may go on saying so for minutes: then each thread waits by itself, longer each
time and at random, so that they do not come back all at once.
"""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from runbook.domain.errors import UnreachableError

P = ParamSpec("P")
R = TypeVar("R")

FIRST = 1.0
LONGEST = 60.0
ALTOGETHER = 600.0
"""Seconds: the most that the first wait takes, any wait, and after which it is given up."""
logger = logging.getLogger(__name__)


class ThrottledError(UnreachableError):
    """The service is there and wants fewer requests."""


def patiently(act: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
    """Return what `act` returns, done again while the service is throttling; then its ThrottledError."""
    trying = Retrying(
        retry=retry_if_exception_type(ThrottledError),
        wait=wait_random_exponential(multiplier=FIRST, max=LONGEST),
        stop=stop_after_delay(ALTOGETHER),
        before_sleep=_say,
        reraise=True,
    )
    return trying(act, *args, **options)


def _say(state: RetryCallState) -> None:
    if state.outcome and (error := state.outcome.exception()):
        where = getattr(error, "where", "")
        logger.info(
            "%s: asked to slow down; try %s in %.0f s", where, state.attempt_number + 1, state.upcoming_sleep
        )
