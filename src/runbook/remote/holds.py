"""Garbage collection held: its schedules are taken away, remembered in the vault, and put back."""

import logging
from collections.abc import Collection
from typing import Protocol

from runbook.domain.errors import LockedError, MismatchError
from runbook.domain.holds import Cron, Crons, HoldRecord, shown_otherwise, why_not_released
from runbook.remote.state_objects import claim_state, clear_state, read_state
from runbook.remote.vault import AlreadyThereError, NotThereError, Vault
from runbook.remote.waiting import wait_until

logger = logging.getLogger(__name__)
RUNNING_JOB_ENDS_WITHIN = 1800.0
LOOKS_EVERY = 2.0


class Scheduler(Protocol):
    """The registry's schedules and jobs."""

    def crons(self) -> Crons:
        """Return what is set for each action that is scheduled."""

    def set_cron(self, cron: Cron) -> None:
        """Leave the cron's action scheduled so."""

    def delete_cron(self, action: str) -> None:
        """Leave `action` without a schedule."""

    def running_jobs(self) -> Collection[str]:
        """Return the actions of the jobs that run or wait to run."""


def hold_key(cluster: str) -> str:
    """Return where the hold of `cluster` is remembered in a vault."""
    return f"{cluster}/holds/garbage-collection.json"


def hold(
    vault: Vault, cluster: str, scheduler: Scheduler, record: HoldRecord, actions: Collection[str]
) -> HoldRecord:
    """Leave none of `actions` scheduled or running; how to undo it is in the vault before anything is changed.

    Returns what is on record: a second try of the same run keeps the crons that its first one saw.
    Raises NotReadyError when one of `actions` runs on and on; the hold stays then, for `release`. Raises LockedError,
    and the crons are as before, when the run slept past its lease and somebody released the hold meanwhile.
    """
    kept = _remember(vault, cluster, record)
    for action in kept.crons:
        scheduler.delete_cron(action)
    _require_still_on_record(vault, cluster, scheduler, kept)
    wait_until(
        lambda: _why_running(scheduler, actions),
        where=cluster,
        timeout=RUNNING_JOB_ENDS_WITHIN,
        poll=LOOKS_EVERY,
        next_step="wait until it has ended or cancel it in System > Job logs, then rerun",
    )
    return kept


def current_hold(vault: Vault, cluster: str) -> HoldRecord | None:
    """Return the hold that is on record, None if there is none."""
    try:
        return HoldRecord.from_json(read_state(vault, hold_key(cluster))[0])
    except NotThereError:
        return None


def _remember(vault: Vault, cluster: str, record: HoldRecord) -> HoldRecord:
    """Return the record that is in the vault now; a second try of the same run finds its first one."""
    try:
        claim_state(vault, hold_key(cluster), record.to_json())
    except AlreadyThereError:
        former = HoldRecord.from_json(read_state(vault, hold_key(cluster))[0])
        if former.owner != record.owner:
            raise
        return former
    return record


def _require_still_on_record(vault: Vault, cluster: str, scheduler: Scheduler, kept: HoldRecord) -> None:
    """Return if the hold is still this run's; else put back what nobody else would, and raise LockedError."""
    if _is_of(kept.owner, vault, cluster):
        return
    put_back(cluster, scheduler, kept.crons)
    raise LockedError(cluster, "this run slept past its lease, and its hold was released", "start it again")


def release(
    vault: Vault, cluster: str, scheduler: Scheduler, owner: str, held: HoldRecord | None = None
) -> HoldRecord | None:
    """Leave the crons as they were before the hold of run `owner`, and no hold of it; None if there was none.

    What the run knows that it `held` is put back even if its record has vanished.

    Raises MismatchError, and the hold stays on record, when the registry shows other crons than those put back.
    """
    record = current_hold(vault, cluster)
    if record is None or record.owner != owner:
        record = held
    if record is None:
        return None
    put_back(cluster, scheduler, record.crons)
    if _is_of(owner, vault, cluster):  # else somebody took it over while this run slept
        clear_state(vault, hold_key(cluster))
    return record


def _is_of(owner: str, vault: Vault, cluster: str) -> bool:
    record = current_hold(vault, cluster)
    return record is not None and record.owner == owner


def put_back(cluster: str, scheduler: Scheduler, crons: Crons) -> None:
    """Leave these crons as they are given; MismatchError when the registry then shows other schedules."""
    for cron in crons.values():
        scheduler.set_cron(cron)
    seen = scheduler.crons()
    if differences := shown_otherwise(crons, seen):
        logger.warning("%s: look at it in System > Garbage collection: %s", cluster, differences)
    if reason := why_not_released(crons, seen):
        raise MismatchError(
            cluster,
            f"garbage collection is not scheduled as before: {reason}",
            "set its schedule in System > Garbage collection",
        )


def _why_running(scheduler: Scheduler, actions: Collection[str]) -> str | None:
    running = sorted(set(scheduler.running_jobs()) & set(actions))
    return f"garbage collection runs: {', '.join(running)}" if running else None
