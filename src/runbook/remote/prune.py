"""What retention removes from a vault: points, and then the image data that no point needs any more."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from runbook.domain.errors import RefusedError
from runbook.domain.image_index import Held
from runbook.domain.recovery import INDEX, MANIFEST, RecoveryPoint, blobs_prefix, part_key, points_prefix
from runbook.remote.image_index import read_index
from runbook.remote.recovery_points import list_points
from runbook.remote.vault import Vault

logger = logging.getLogger(__name__)
StillAllowed = Callable[[], None]
"""Raises when going on is no longer allowed: the cluster's lock was lost."""


@dataclass(frozen=True)
class Swept:
    """What a sweep of the image data did; `young` were needed by no point and were left for their age."""

    removed: int
    removed_bytes: int
    kept: int
    young: int


def clock_skew(vault: Vault, cluster: str) -> timedelta:
    """Return how far the vault's clock is ahead of this machine's, by an object written now and removed again."""
    key = f"{cluster}/.probe-clock"
    vault.put_bytes(key, b"what time is it")
    try:
        seen = vault.head(key)
        return seen.modified - datetime.now(UTC) if seen else timedelta()
    finally:
        vault.delete(key)


def remove_point(vault: Vault, cluster: str, identifier: str) -> None:
    """Leave nothing of the point: its manifest goes first, so that half a point is never taken for one."""
    prefix = f"{points_prefix(cluster)}{identifier}/"
    vault.delete(part_key(cluster, identifier, MANIFEST))
    for seen in list(vault.list(prefix)):
        vault.delete(seen.key)


def sweep_blobs(
    vault: Vault, cluster: str, identity: SecretStr, *, grace: timedelta, still_allowed: StillAllowed
) -> Swept:
    """Remove the image data that no point names and that is older than `grace`.

    Every point that is there counts, verified or not. RefusedError if one cannot be read: what it needs is
    not known. Memory: 8 bytes of each needed key's hash; where two collide, one blob too many stays.
    """
    needed = _needed(vault, cluster, list_points(vault, cluster), identity)
    too_young = datetime.now(UTC) - grace
    removed = removed_bytes = kept = young = 0
    for seen in vault.list(blobs_prefix(cluster)):
        if _mark(seen.key) in needed:
            kept += 1
        elif seen.modified > too_young:
            young += 1
        else:
            still_allowed()
            vault.delete(seen.key)
            removed += 1
            removed_bytes += seen.size
    logger.info("%s: %s blobs removed, %s kept, %s too young", vault.where, removed, kept, young)
    return Swept(removed, removed_bytes, kept, young)


def _needed(vault: Vault, cluster: str, points: Iterable[RecoveryPoint], identity: SecretStr) -> set[int]:
    marks: set[int] = set()
    for point in points:
        if not point.finished:
            continue  # its blobs are young, or nobody will ever need them
        if point.manifest is None:
            what = f"its manifest cannot be read ({point.problem}), so what it needs is not known"
            raise RefusedError(
                f"point {point.id}", what, "mend or remove this point by hand, then prune again"
            )
        for entry in read_index(vault, part_key(cluster, point.id, INDEX), identity):
            if entry.held is Held.BLOB:
                marks.add(_mark(f"{cluster}/{entry.key}"))
    return marks


def _mark(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
