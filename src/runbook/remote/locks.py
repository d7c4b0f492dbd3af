"""The cluster's lock: an object in the vault, so that runs from anywhere see each other."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from runbook.domain.errors import LockedError, RunbookError
from runbook.domain.locks import LEASE, LockRecord, refuse_held
from runbook.remote.state_objects import claim_state, clear_state, read_state
from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, Vault

logger = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def lock_key(cluster: str) -> str:
    """Return where the lock of `cluster` is kept in a vault."""
    return f"{cluster}/locks/cluster.json"


class HeldLock:
    """The cluster's lock while it is ours: until its lease ends, whether or not anything told us that it did."""

    def __init__(self, cluster: str, record: LockRecord, clock: Callable[[], datetime] = _utc_now) -> None:
        self.record = record
        self._cluster = cluster
        self._clock = clock
        self._until = record.until
        self._taken_by: str | None = None

    def renewed(self, until: datetime) -> None:
        """Note that it is ours until then."""
        self._until = until

    def taken(self, owner: str) -> None:
        """Note that another run has it."""
        self._taken_by = owner

    def why_lost(self) -> str | None:
        """Say why the lock is ours no more, None while it is."""
        if self._taken_by:
            return f"it was taken by run {self._taken_by}"
        if self._clock() >= self._until:
            return f"its lease ended at {self._until:%H:%M:%S} UTC"
        return None

    def require(self) -> None:
        """Return while the lock is ours; LockedError as soon as it may not be."""
        if reason := self.why_lost():
            raise LockedError(
                self._cluster,
                f"this run has lost the cluster's lock: {reason}",
                "see that no other runbook runs, then start it again; it finishes the work",
            )


@contextmanager
def hold_lock(
    vault: Vault,
    cluster: str,
    record: LockRecord,
    clock: Callable[[], datetime] = _utc_now,
) -> Iterator[HeldLock]:
    """Hold the cluster's lock inside the block, renewing its lease; release it whatever happens.

    Raises LockedError, which names the holder, while another's lease runs.
    """
    key = lock_key(cluster)
    etag = _take(vault, key, cluster, record)
    held = HeldLock(cluster, record, clock)
    renewal = _Renewal(vault, key, held, etag, clock)
    renewal.start()
    try:
        yield held
    finally:
        renewal.stop()
        _release(vault, key, record)


def _take(vault: Vault, key: str, cluster: str, record: LockRecord) -> str:
    try:
        return claim_state(vault, key, record.to_json())
    except AlreadyThereError:
        return _take_over(vault, key, cluster, record)


def _take_over(vault: Vault, key: str, cluster: str, record: LockRecord) -> str:
    """Replace a lock whose lease has ended, unless somebody else is quicker."""
    try:
        data, etag = read_state(vault, key)
    except NotThereError:
        return claim_state(vault, key, record.to_json())
    former = LockRecord.from_json(data)
    refuse_held(former, cluster, record.owner, record.since)
    logger.warning("%s: taking over the lock of run %s", cluster, former.owner)
    try:
        return vault.replace_if(key, record.to_json(), etag)
    except ChangedError as exc:
        raise LockedError(cluster, "another runbook took the lock just now", "wait for it") from exc


def _release(vault: Vault, key: str, record: LockRecord) -> None:
    try:
        data, etag = read_state(vault, key)
        if LockRecord.from_json(data).owner == record.owner:
            clear_state(vault, key, etag)
    except RunbookError as exc:
        logger.warning("the lock was not released (%s); its lease ends by itself", exc.what)


class _Renewal(threading.Thread):
    """Renews the lease three times as often as it ends."""

    def __init__(
        self, vault: Vault, key: str, held: HeldLock, etag: str, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(name="lock-renewal", daemon=True)
        self._vault, self._key, self._held, self._etag, self.clock = vault, key, held, etag, clock
        self._ended = threading.Event()

    def run(self) -> None:
        """Renew until stopped, or until the lock is lost."""
        while not self._ended.wait(LEASE.total_seconds() / 3):
            try:
                self.renew()
            except (RunbookError, ValueError, KeyError) as exc:  # the last two: what is there is no record
                logger.warning("the lock's lease was not renewed: %s", exc)
            if reason := self._held.why_lost():
                logger.error("the cluster's lock is lost: %s", reason)
                return

    def renew(self) -> None:
        """Leave the lease renewed; note which other run has the lock instead."""
        wanted = self._held.record.renewed(self.clock())
        try:
            self._etag = self._vault.replace_if(self._key, wanted.to_json(), self._etag)
        except ChangedError:
            data, self._etag = self._vault.get_with_etag(self._key)
            wanted = LockRecord.from_json(data)  # ours, if only the answer to a renewal was lost
        if wanted.owner != self._held.record.owner:
            self._held.taken(wanted.owner)
            return
        self._held.renewed(wanted.until)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()
