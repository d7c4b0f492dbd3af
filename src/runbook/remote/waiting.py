"""Waiting for something to become true, with a reason and a deadline."""

import logging
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from runbook.domain.errors import NotReadyError, UnreachableError

logger = logging.getLogger(__name__)


def wait_until(
    why_not: Callable[[], str | None],
    *,
    where: str,
    timeout: float,
    poll: float = 2.0,
    next_step: str = "look there for the reason, then rerun",
) -> None:
    """Return once `why_not` gives None; after `timeout` seconds its last reason becomes a NotReadyError.

    What does not answer yet is a reason like any other. A reason is logged when it changes.
    """
    look = _Look(why_not, where)

    def give_up(_: RetryCallState) -> None:
        raise NotReadyError(where, f"after {timeout:.0f} s: {look.reason}", next_step)

    Retrying(
        retry=retry_if_result(lambda reason: reason is not None),
        stop=stop_after_delay(timeout),
        wait=wait_fixed(poll),
        retry_error_callback=give_up,
    )(look)


class _Look:
    """Asks for the reason and remembers it."""

    def __init__(self, why_not: Callable[[], str | None], where: str) -> None:
        self._why_not = why_not
        self._where = where
        self.reason: str | None = None

    def __call__(self) -> str | None:
        try:
            reason = self._why_not()
        except UnreachableError as error:
            reason = f"{error.where}: {error.what}"
        if reason is not None and reason != self.reason:
            logger.info("%s: not yet: %s", self._where, reason)
        self.reason = reason
        return reason
