"""A recovery point locked: its own objects as they were written, and the blobs that it shares with older points."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from runbook.domain.errors import MismatchError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.object_lock import ObjectLock
from runbook.domain.recovery import MANIFEST, Manifest, part_key
from runbook.remote.known_locks import KnownLocks, load_known, save_known
from runbook.remote.object_lock import extend, locked, require_locked
from runbook.remote.vault import Vault
from runbook.remote.vault_s3 import S3Vault

WORKERS = 16
_WINDOW = 1024  # blobs that may wait for an answer
_SAMPLE = 256  # blobs of which enough is known, and that are looked at all the same


@dataclass
class LockedBlobs:
    """What was done: how many blobs the point has, and how many were looked at and extended."""

    blobs: int = 0
    looked_at: int = 0
    extended: int = 0

    def __str__(self) -> str:
        return f"{self.blobs} blobs are locked, {self.looked_at} looked at, {self.extended} extended"


def lock_point(
    vault: Vault, manifest: Manifest, index: Iterable[IndexEntry], now: datetime
) -> LockedBlobs | None:
    """Leave the point's parts and blobs locked for as long as it needs; None where no lock is configured.

    All that was written or extended is read back: MismatchError names an object that is locked for less.
    """
    lock = lock_of(vault)
    if lock is None or not isinstance(vault, S3Vault):
        return None
    needed = lock.needed_until(manifest.created)
    for name in manifest.objects:
        require_locked(vault, part_key(manifest.cluster, manifest.id, name), needed)
    blobs = _Blobs(vault, manifest, lock, now)
    return blobs.run(entry.key for entry in index if entry.held is Held.BLOB)


def require_manifest_locked(vault: Vault, manifest: Manifest) -> None:
    """Return if the published manifest is locked for as long as its point needs."""
    lock = lock_of(vault)
    if lock is not None and isinstance(vault, S3Vault):
        key = part_key(manifest.cluster, manifest.id, MANIFEST)
        require_locked(vault, key, lock.needed_until(manifest.created))


def lock_of(vault: Vault) -> ObjectLock | None:
    """Return how objects are locked in the vault, None where they are not."""
    return vault.options.lock if isinstance(vault, S3Vault) else None


class _Blobs:
    """The blobs of one point: those of which enough is known are passed over, but for a sample."""

    def __init__(self, vault: S3Vault, manifest: Manifest, lock: ObjectLock, now: datetime) -> None:
        self._vault, self._cluster, self._lock = vault, manifest.cluster, lock
        self._needed, self._until = lock.needed_until(manifest.created), lock.extended_until(now)
        self._known, self._next = load_known(vault, manifest.cluster), KnownLocks()
        self._every = max(1, len(self._known) // _SAMPLE)
        self._offset = int(manifest.id[-8:], 16)  # another sample for each point
        self._flying: deque[Future[tuple[str, datetime, bool]]] = deque()
        self._result = LockedBlobs()

    def run(self, keys: Iterable[str]) -> LockedBlobs:
        with ThreadPoolExecutor(WORKERS, "lock") as pool:
            try:
                for key in keys:
                    self._take(f"{self._cluster}/{key}", pool)
                self._collect(0)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        save_known(self._vault, self._cluster, self._next)
        return self._result

    def _take(self, key: str, pool: ThreadPoolExecutor) -> None:
        self._result.blobs += 1
        known = self._known.until(key)
        if known is None:
            self._flying.append(pool.submit(self._lock_unknown, key))
        elif known < self._needed:
            self._flying.append(pool.submit(self._extend, key))
        elif (self._result.blobs + self._offset) % self._every == 0:
            self._flying.append(pool.submit(self._look_again, key))
        else:
            self._next.add(key, known)
        self._collect(_WINDOW)

    def _collect(self, allowed: int) -> None:
        while len(self._flying) > allowed:
            key, until, extended = self._flying.popleft().result()
            self._next.add(key, until)
            self._result.looked_at += 1
            self._result.extended += extended

    def _lock_unknown(self, key: str) -> tuple[str, datetime, bool]:
        """Leave a blob locked that is new, or of which nothing is known."""
        seen = locked(self._vault, key)
        return (key, seen.until, False) if seen.until >= self._needed else self._extend(key)

    def _extend(self, key: str) -> tuple[str, datetime, bool]:
        extend(self._vault, key, self._lock, self._until)
        return key, require_locked(self._vault, key, self._needed), True

    def _look_again(self, key: str) -> tuple[str, datetime, bool]:
        """Return what the blob's lock is; one that is shorter than it was makes the next backup look at all."""
        try:
            return key, require_locked(self._vault, key, self._needed), False
        except MismatchError:
            save_known(self._vault, self._cluster, KnownLocks())
            raise
