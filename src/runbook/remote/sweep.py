"""The image data that no recovery point needs any more: found by what all points name, removed after a grace.

A vault knows when a blob was written, not when it was last needed: a backup may find an old blob that no point
names and rely on it. So each sweep leaves a list of what nothing needs and since when, and only what has been
on it for the whole grace goes; with a point that is removed, older lists go too. Memory: one mark per needed blob;
the lists are walked side by side.
"""

import io
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, NamedTuple, Protocol, cast

import zstandard

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import blobs_prefix, new_id
from runbook.domain.snapshot import SortedLookup
from runbook.remote.needed import Needed
from runbook.remote.prune import StillAllowed, delete_batch, unneeded_lists, unneeded_prefix
from runbook.remote.vault import DELETE_AT_ONCE, Vault, VaultObject

logger = logging.getLogger(__name__)


@dataclass
class Swept:
    """What a sweep did with the image data; `waiting` is needed by no point, and its grace has not ended."""

    removed: int = 0
    removed_bytes: int = 0
    needed: int = 0
    waiting: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # the first few keys that the vault keeps, and why
    refusals: int = 0


def sweep_blobs(
    vault: Vault,
    cluster: str,
    needed: Needed,
    *,
    now: datetime,
    grace: timedelta,
    still_allowed: StillAllowed,
) -> Swept:
    """Remove the image data that nothing has needed for `grace`; leave a list of what nothing needs now."""
    former = list(unneeded_lists(vault, cluster))
    sweep = _Sweep(vault, needed, now - grace, still_allowed)
    with vault.writer(f"{unneeded_prefix(cluster)}{new_id(now, secrets.token_hex(4))}.zst") as sink:
        with zstandard.ZstdCompressor().stream_writer(cast("BinaryIO", sink), closefd=False) as lines:
            try:
                sweep.run(vault.list(blobs_prefix(cluster)), _unneeded(vault, former), now, lines)
            except ValueError as exc:
                raise RefusedError(vault.where, str(exc), "use a vault that lists in byte order") from exc
        still_allowed()
    _leave_one_list(vault, former)
    return sweep.swept


class _Unneeded(NamedTuple):
    """A blob that no point needed at the last sweep, and since when."""

    key: str
    since: datetime


class _Lines(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Sweep:
    """One walk over the blobs."""

    def __init__(self, vault: Vault, needed: Needed, ended: datetime, still_allowed: StillAllowed) -> None:
        self._vault, self._needed, self._ended, self._still_allowed = vault, needed, ended, still_allowed
        self._batch: list[VaultObject] = []
        self.swept = Swept()

    def run(
        self, blobs: Iterator[VaultObject], former: Iterator[_Unneeded], now: datetime, lines: _Lines
    ) -> None:
        known = SortedLookup(former, lambda unneeded: unneeded.key)
        for seen in blobs:
            if seen.key in self._needed:
                self.swept.needed += 1
                continue
            listed = known.find(seen.key)
            since = max(listed.since, seen.modified) if listed else now
            if since > self._ended:
                self.swept.waiting += 1
                lines.write(f"{since.isoformat()} {seen.key}\n".encode())
            else:
                self._take(seen)
        self._delete()

    def _take(self, seen: VaultObject) -> None:
        self._batch.append(seen)
        if len(self._batch) == DELETE_AT_ONCE:
            self._delete()

    def _delete(self) -> None:
        if not self._batch:
            return
        self._still_allowed()
        refused = delete_batch(self._vault, [seen.key for seen in self._batch])
        self.swept.refused = self.swept.refused or dict(list(refused.items())[:3])
        self.swept.refusals += len(refused)
        gone = [seen for seen in self._batch if seen.key not in refused]
        self.swept.removed += len(gone)
        self.swept.removed_bytes += sum(seen.size for seen in gone)
        logger.info("%s: %s blobs removed so far", self._vault.where, self.swept.removed)
        self._batch.clear()


def _leave_one_list(vault: Vault, former: list[str]) -> None:
    for key, why in delete_batch(vault, former[:DELETE_AT_ONCE]).items():
        logger.warning("%s/%s stays, and is not read any more: %s", vault.where, key, why)


def _unneeded(vault: Vault, lists: list[str]) -> Iterator[_Unneeded]:
    """Yield what the newest list holds, up to where it is damaged: what it does not tell waits from now on."""
    if not lists:
        return
    last = ""
    with vault.open(lists[-1]) as stored:
        reader = zstandard.ZstdDecompressor().stream_reader(stored, closefd=False)
        try:
            for line in io.TextIOWrapper(reader, encoding="utf-8", newline="\n"):
                since, _, key = line.rstrip("\n").partition(" ")
                found = _Unneeded(key, _aware(since))
                if key <= last:
                    raise ValueError(f"{key} is out of order")
                yield found
                last = key
        except (ValueError, zstandard.ZstdError) as exc:
            logger.warning("%s/%s is damaged (%s): the grace begins anew", vault.where, lists[-1], exc)


def _aware(text: str) -> datetime:
    since = datetime.fromisoformat(text)
    if since.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return since
