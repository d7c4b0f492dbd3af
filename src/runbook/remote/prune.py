"""What retention must know of a vault before it decides, and how a recovery point is removed."""

import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import MANIFEST, created_of, is_id, part_key, points_prefix
from runbook.remote.catalogue import recall, retire
from runbook.remote.pins import why_pinned
from runbook.remote.vault import DELETE_AT_ONCE, AlreadyThereError, DeleteRefusedError, NotThereError, Vault

logger = logging.getLogger(__name__)
StillAllowed = Callable[[], None]
"""Raises when going on is no longer allowed: the cluster's lock was lost."""


@dataclass(frozen=True)
class Survey:
    """The folders among the points that have no point's name, and when the newest object there was written."""

    foreign: tuple[str, ...]
    newest: datetime | None


@dataclass(frozen=True)
class Removal:
    """What became of a point that was to be removed: `gone`, or why it is kept; what is left of a gone one."""

    gone: bool
    why: str = ""


def survey_points(vault: Vault, cluster: str) -> Survey:
    """Return what a list of the points does not show."""
    prefix = points_prefix(cluster)
    foreign: set[str] = set()
    newest: datetime | None = None
    for seen in vault.list(prefix):
        folder, slash, _ = seen.key[len(prefix) :].partition("/")
        if slash and not is_id(folder):
            foreign.add(folder)
        newest = max(newest or seen.modified, seen.modified)
    return Survey(tuple(sorted(foreign)), newest)


def measure_skew(vault: Vault, cluster: str) -> timedelta:
    """Return how far the vault's clock is ahead of this machine's, by an object written now and removed again."""
    key = f"{cluster}/.probe-clock"  # one key, so that probes do not pile up where nothing may be deleted
    vault.put_bytes(key, secrets.token_bytes(16))
    try:
        seen = vault.head(key)
        return seen.modified - datetime.now(UTC) if seen else timedelta()
    finally:
        with suppress(DeleteRefusedError):
            vault.delete(key)


def skew_without_a_write(survey: Survey, now: datetime) -> timedelta:
    """Return how far the vault's clock is ahead at least: its newest object cannot be of the future."""
    return max(survey.newest - now, timedelta()) if survey.newest else timedelta()


def remove_point(
    vault: Vault,
    cluster: str,
    identifier: str,
    *,
    finished: bool,
    still_allowed: StillAllowed,
    records: Vault | None = None,
) -> Removal:
    """Leave nothing of a point that somebody wants gone; the one place where a point is removed on purpose.

    Its manifest goes first, so that half a point is never taken for one, and what a crash leaves of it is
    removed by a later run. Kept: a point that is pinned by now, one that was `finished` since it was judged,
    one that the vault refuses to delete. `records` is the same vault, as who may write a manifest back.
    """
    if (why := why_pinned(vault, cluster, identifier)) is not None:
        return Removal(False, f"pinned by now: {why}")
    if why := _why_manifest_stays((vault, records or vault), cluster, identifier, finished):
        return Removal(False, why)
    left = list(vault.list(f"{points_prefix(cluster)}{identifier}/"))
    refused: dict[str, str] = {}
    for begin in range(0, len(left), DELETE_AT_ONCE):
        still_allowed()
        refused |= delete_batch(vault, [seen.key for seen in left[begin : begin + DELETE_AT_ONCE]])
    first = next(iter(refused.items()), None)
    return Removal(
        True, f"{len(refused)} of its objects are left, first: {': '.join(first)}" if first else ""
    )


def delete_batch(vault: Vault, keys: Sequence[str]) -> dict[str, str]:
    """Leave no object under any of the keys; return why, for each that the vault refuses to delete, be it all."""
    try:
        return vault.delete_many(keys)
    except RefusedError as exc:
        return dict.fromkeys(keys, exc.what)


def unneeded_prefix(cluster: str) -> str:
    """Return the prefix of the lists of image data that no point needs."""
    return f"{cluster}/unneeded/"


def unneeded_lists(vault: Vault, cluster: str) -> dict[str, datetime]:
    """Return the key of each list with the time of its sweep, the newest last."""
    prefix = unneeded_prefix(cluster)
    named = ((seen.key, seen.key.removeprefix(prefix).partition(".")[0]) for seen in vault.list(prefix))
    return {key: created_of(name) for key, name in named if is_id(name)}


def _forget_lists_before(vault: Vault, cluster: str, identifier: str) -> None:
    """Leave no list that is older than the point: of what it names, the point may have needed some again."""
    for key, swept in unneeded_lists(vault, cluster).items():
        if swept <= created_of(identifier):
            vault.delete(key)


def _give_up(vault: Vault, cluster: str, identifier: str, manifest: str) -> None:
    """Leave the point retired in the catalogue and its manifest gone, or both as they were."""
    _forget_lists_before(vault, cluster, identifier)
    recall(vault, cluster, identifier)  # who may not delete is found out before anything is given up
    retire(vault, cluster, identifier, "no retention rule keeps it")
    try:
        vault.delete(manifest)
    except RefusedError:
        recall(vault, cluster, identifier)
        raise


def _why_manifest_stays(
    vaults: tuple[Vault, Vault], cluster: str, identifier: str, finished: bool
) -> str | None:
    """Leave no manifest and return None; else say why it is there.

    Who pins a point looks for its manifest after the pin is written, and here the pin is looked for after the
    manifest is gone: one of the two sees the other.
    """
    vault, records = vaults
    key = part_key(cluster, identifier, MANIFEST)
    try:
        manifest = vault.get_bytes(key)
    except NotThereError:
        return None
    if not finished:
        return "it was finished meanwhile"
    try:
        _give_up(vault, cluster, identifier, key)
    except RefusedError as exc:
        return f"the vault refuses to delete it: {exc.what}"
    if (why := why_pinned(vault, cluster, identifier)) is not None:
        with suppress(AlreadyThereError):  # an answer was lost
            records.put_bytes(key, manifest, only_if_absent=True)
        recall(vault, cluster, identifier)
        return f"pinned just now: {why}"
    return None
