"""A hold whose lease has ended is taken over, so that the run that forgot it, should it wake, finds it gone."""

from dataclasses import replace
from datetime import datetime

from runbook.domain.errors import RefusedError
from runbook.domain.hold_lease import HoldSeen, why_kept
from runbook.domain.holds import HoldRecord
from runbook.domain.locks import LockRecord
from runbook.remote.holds import Scheduler, current_hold, hold_key, release
from runbook.remote.locks import lock_key
from runbook.remote.state_objects import read_state
from runbook.remote.vault import ChangedError, NotThereError, Vault


def look_at_hold(vault: Vault, cluster: str, now: datetime) -> HoldSeen | None:
    """Return the hold that is on record and whether it must stay; None, after one read, if there is none."""
    record = current_hold(vault, cluster)
    if record is None:
        return None
    return HoldSeen(record, why_kept(record, _current_lock(vault, cluster), now))


def _current_lock(vault: Vault, cluster: str) -> LockRecord | None:
    try:
        return LockRecord.from_json(read_state(vault, lock_key(cluster))[0])
    except NotThereError:
        return None


def release_abandoned(vault: Vault, cluster: str, scheduler: Scheduler, owner: str) -> HoldRecord | None:
    """Leave the crons as they were before a hold of a run that died, and no hold; return it, None if there was none.

    The caller, run `owner`, holds the cluster's lock. The record is its own before anything is put back: a run that
    only slept sees that, and puts back what it takes away after that itself (`hold`).
    """
    former = _take_over(vault, cluster, owner)
    if former is not None:
        release(vault, cluster, scheduler, owner)
    return former


def _take_over(vault: Vault, cluster: str, owner: str) -> HoldRecord | None:
    try:
        _, etag = vault.get_with_etag(hold_key(cluster))
        former = current_hold(vault, cluster)
        if former is not None:
            vault.replace_if(hold_key(cluster), replace(former, owner=owner).to_json(), etag)
    except NotThereError:
        return None
    except ChangedError as exc:
        raise RefusedError(
            cluster, "somebody else released the hold at the same time", "look with `runbook check`"
        ) from exc
    return former
