"""Waiting for our turn: until no other bootstrapper run is at work, and until the vendor's lock is free."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_fixed

from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.health import ClusterSeen
from runbook.domain.join_lock import why_not_our_turn
from runbook.domain.leftovers import why_busy, why_starting
from runbook.remote.waiting import wait_until

logger = logging.getLogger(__name__)
R = TypeVar("R")

LOCK_WITHIN = 300.0
"""Seconds within which the vendor's lock of a run that failed must be gone: releases since 2.4.1 let it expire."""
BUSY_WITHIN = 600.0
"""Seconds within which a bootstrapper run that nobody waits for must have ended."""
STARTING_WITHIN = 60.0
"""Seconds that a member whose services all run is given to answer its probe, before it counts as dead."""
POLL = 2.0
LOCK_POLL = 5.0


def settle(observe: Callable[[], ClusterSeen], where: str, *, starting: bool = True) -> ClusterSeen:
    """Return the cluster once no bootstrapper is at work and nothing is just starting; what does not start stays so.

    After a runbook was killed its bootstrapper may go on by itself: what it makes is taken over, not made again.
    Without `starting` nothing is given the time to start: that was decided before.
    """
    seen = observe()
    if why_busy(seen) is None and not (starting and why_starting(seen)):
        return seen
    look = _Look(observe)
    next_step = "see `docker ps` there; if that run hangs, `docker rm -f dtr-phase2`, then run again"
    wait_until(lambda: why_busy(look.now()), where=where, timeout=BUSY_WITHIN, poll=POLL, next_step=next_step)
    if not starting:
        return look.seen
    with suppress(NotReadyError):  # it is dead then, which whoever asked decides about
        wait_until(lambda: why_starting(look.now()), where=where, timeout=STARTING_WITHIN, poll=POLL)
    return look.seen


def in_turn(act: Callable[[], R], where: str) -> R:
    """Do `act`, again for as long as the bootstrapper says that another operation has the cluster.

    `act` observes and decides anew each time. What else the bootstrapper refuses is raised at once; after
    LOCK_WITHIN seconds its last words are.
    """
    words = ""

    def wait_for_it(error: BaseException) -> bool:
        nonlocal words
        locked = isinstance(error, RefusedError) and why_not_our_turn(error.what)
        if locked and locked != words:
            words = locked
            logger.info("%s: not yet: another operation's lock is awaited: %s", where, words)
        return bool(locked)

    def give_up(_: RetryCallState) -> NoReturn:
        next_step = (
            "see with `docker ps` that no dtr-phase2 runs, wait until the lock has expired, then run again"
        )
        raise NotReadyError(
            where, f"after {LOCK_WITHIN:.0f} s another operation's lock is there: {words}", next_step
        )

    return Retrying(
        retry=retry_if_exception(wait_for_it),
        stop=stop_after_delay(LOCK_WITHIN),
        wait=wait_fixed(LOCK_POLL),
        retry_error_callback=give_up,
    )(act)


class _Look:
    """Looks, and remembers what it saw."""

    def __init__(self, observe: Callable[[], ClusterSeen]) -> None:
        self._observe = observe
        self.seen: ClusterSeen

    def now(self) -> ClusterSeen:
        self.seen = self._observe()
        return self.seen
