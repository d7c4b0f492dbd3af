"""The catalogue in a vault: `catalogue/<point>.json`, written once, and `catalogue/<point>.retired.json` beside it.

A point is announced in `catalogue/next`, then its manifest is written, then its entry. A run that dies in between
leaves either no point, or one that was announced: the next backup or verification enters it and says so.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from runbook.domain.catalogue import (
    ENTRY,
    RETIRED,
    Catalogue,
    Entry,
    Folders,
    Seen,
    Stored,
    differences,
    entry_from_json,
    entry_of,
    entry_to_json,
    leftovers,
)
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.recovery import MANIFEST, Manifest, is_id, part_key, points_prefix
from runbook.domain.recovery_json import manifest_from_json, manifest_to_json
from runbook.domain.sealed_json import field_of, sealed, unsealed
from runbook.domain.verification import Damage
from runbook.remote.vault import AlreadyThereError, NotThereError, Vault

_READERS = 16
_FORMAT = 1


def catalogue_prefix(cluster: str) -> str:
    """Return the prefix of a cluster's catalogue."""
    return f"{cluster}/catalogue/"


def announce(vault: Vault, manifest: Manifest, data: bytes | None = None) -> None:
    """Leave it on record that this manifest is about to be written; `data` is its stored form, where that exists."""
    sha256 = hashlib.sha256(manifest_to_json(manifest) if data is None else data).hexdigest()
    document = {"format_version": _FORMAT, "id": manifest.id, "manifest": sha256}
    vault.put_bytes(_next_key(manifest.cluster), sealed(document))


def enter(vault: Vault, manifest: Manifest, data: bytes | None = None) -> None:
    """Leave the point in the catalogue; one that is there already stays as it is.

    `data` is the manifest as it is stored, where it was read.
    """
    data = manifest_to_json(manifest) if data is None else data
    entry = entry_of(manifest, Stored(len(data), hashlib.sha256(data).hexdigest()))
    try:
        vault.put_bytes(_key(manifest.cluster, manifest.id, ENTRY), entry_to_json(entry), only_if_absent=True)
    except AlreadyThereError:
        return


def retire(vault: Vault, cluster: str, identifier: str, why: str) -> None:
    """Leave it on record that the point is removed on purpose; to be done before anything of it is deleted."""
    document = {"format_version": _FORMAT, "id": identifier, "why": why, "at": datetime.now(UTC).isoformat()}
    try:
        vault.put_bytes(_key(cluster, identifier, RETIRED), sealed(document), only_if_absent=True)
    except AlreadyThereError:
        return


def recall_all(vault: Vault, cluster: str, staying: Iterable[str]) -> None:
    """Leave no record that one of these points is removed: a removal that died before it began had written that."""
    for identifier in _names(vault, cluster)[1].intersection(staying):
        recall(vault, cluster, identifier)


def is_retired(vault: Vault, cluster: str, identifier: str) -> bool:
    """Tell whether it is on record that the point is removed on purpose."""
    return vault.head(_key(cluster, identifier, RETIRED)) is not None


def recall(vault: Vault, cluster: str, identifier: str) -> None:
    """Leave no record that the point is removed: it stays after all."""
    vault.delete(_key(cluster, identifier, RETIRED))


def read_catalogue(vault: Vault, cluster: str) -> Catalogue:
    """Return the catalogue; an entry that cannot be read says so in `unreadable`."""
    entered, retired = _names(vault, cluster)
    with ThreadPoolExecutor(_READERS, "catalogue") as pool:
        entries = dict(
            zip(entered, pool.map(lambda name: _entry(vault, cluster, name), entered), strict=True)
        )
        reasons = dict(
            zip(retired, pool.map(lambda name: _reason(vault, cluster, name), retired), strict=True)
        )
    return Catalogue(
        {name: entry for name, entry in entries.items() if isinstance(entry, Entry)},
        reasons,
        {name: what for name, what in entries.items() if isinstance(what, str)},
        _announced(vault, cluster),
    )


def expected_points(vault: Vault, cluster: str) -> set[str]:
    """Return the points that must be there, by a listing alone."""
    entered, retired = _names(vault, cluster)
    return entered - retired


@dataclass(frozen=True)
class Look:
    """The points of a vault against its catalogue."""

    catalogue: Catalogue
    folders: Folders
    damages: tuple[Damage, ...]
    notes: tuple[str, ...]

    @property
    def damaged(self) -> frozenset[str]:
        """The keys of what is not as the catalogue says."""
        return frozenset(damage.key for damage in self.damages)

    @property
    def readable(self) -> tuple[Entry, ...]:
        """The points whose manifest is as the catalogue names it, newest first."""
        live, damaged = reversed(self.catalogue.live), self.damaged
        return tuple(entry for entry in live if f"points/{entry.id}/{MANIFEST}" not in damaged)


def look_at(vault: Vault, cluster: str, records: Vault | None = None) -> Look:
    """Return what is other than the catalogue says; a point that belongs in it and is not is entered.

    Listings, the catalogue and the manifests are read, nothing else. `records` is the same vault, as who may write.
    """
    folders = _folders(vault, points_prefix(cluster))
    catalogue = read_catalogue(vault, cluster)
    for entry in catalogue.live:  # one that was published since the listing is looked at again
        if not {MANIFEST, *entry.objects} <= folders.get(entry.id, {}).keys():
            folders |= _folders(vault, points_prefix(cluster), entry.id)
    manifests = _manifests(vault, cluster, [name for name, folder in folders.items() if MANIFEST in folder])
    for name, sha256 in manifests.items():
        folders[name][MANIFEST] = folders[name][MANIFEST]._replace(sha256=sha256)
    entered, notes = _settled(records or vault, cluster, catalogue, manifests)
    catalogue = replace(catalogue, entries={**catalogue.entries, **entered})
    return Look(catalogue, folders, differences(catalogue, folders), (*notes, *leftovers(catalogue, folders)))


def settle(vault: Vault, cluster: str) -> tuple[str, ...]:
    """Leave every point that belongs in the catalogue there, and return a sentence for each that was entered."""
    folders = _folders(vault, points_prefix(cluster))
    known = set().union(*_names(vault, cluster))
    unknown = [name for name, folder in folders.items() if MANIFEST in folder and name not in known]
    if not unknown:
        return ()
    catalogue = read_catalogue(vault, cluster)
    return tuple(_settled(vault, cluster, catalogue, _manifests(vault, cluster, unknown))[1])


def _settled(
    vault: Vault, cluster: str, catalogue: Catalogue, manifests: Mapping[str, str]
) -> tuple[dict[str, Entry], list[str]]:
    """Enter what belongs in the catalogue: the newest first, so that a crash leaves only points older than it."""
    entered: dict[str, Entry] = {}
    notes = []
    for identifier, sha256 in sorted(manifests.items(), reverse=True):
        why = None if catalogue.knows(identifier) else catalogue.why_to_enter(identifier, sha256)
        if why is None:
            continue
        data = vault.get_bytes(part_key(cluster, identifier, MANIFEST))
        try:
            manifest = manifest_from_json(data, f"{vault.where}/{part_key(cluster, identifier, MANIFEST)}")
        except (MismatchError, RefusedError):
            continue  # it is found as one that the catalogue does not know
        if (manifest.cluster, manifest.id) != (cluster, identifier):
            continue
        enter(vault, manifest, data)
        entered[identifier] = entry_of(manifest, Stored(len(data), sha256))
        notes.append(f"points/{identifier} was entered in the catalogue: {why}")
    return entered, notes


def _folders(vault: Vault, prefix: str, only: str = "") -> dict[str, dict[str, Seen]]:
    folders: dict[str, dict[str, Seen]] = {}
    for seen in vault.list(f"{prefix}{only}/" if only else prefix):
        identifier, _, name = seen.key.removeprefix(prefix).partition("/")
        if is_id(identifier):
            folders.setdefault(identifier, {})[name] = Seen(seen.size, seen.etag)
    return folders


def _manifests(vault: Vault, cluster: str, identifiers: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the manifests, by point."""

    def read(identifier: str) -> str:
        try:
            data = vault.get_bytes(part_key(cluster, identifier, MANIFEST))
        except NotThereError:  # deleted since it was listed
            data = b""
        return hashlib.sha256(data).hexdigest()

    with ThreadPoolExecutor(_READERS, "manifests") as pool:
        return dict(zip(identifiers, pool.map(read, identifiers), strict=True))


def _names(vault: Vault, cluster: str) -> tuple[set[str], set[str]]:
    """Return the points that were entered, and those that were retired."""
    prefix = catalogue_prefix(cluster)
    names = [seen.key.removeprefix(prefix) for seen in vault.list(prefix)]
    retired = {name.removesuffix(RETIRED) for name in names if name.endswith(RETIRED)}
    entered = {
        name.removesuffix(ENTRY) for name in names if name.endswith(ENTRY) and not name.endswith(RETIRED)
    }
    return entered, retired


def _entry(vault: Vault, cluster: str, identifier: str) -> Entry | str:
    key = _key(cluster, identifier, ENTRY)
    try:
        entry = entry_from_json(vault.get_bytes(key), f"{vault.where}/{key}")
    except ValueError as exc:
        return f"catalogue/{identifier}{ENTRY} is damaged: {exc}"
    if entry.id != identifier:
        return f"catalogue/{identifier}{ENTRY} is the entry of {entry.id}"
    return entry


def _reason(vault: Vault, cluster: str, identifier: str) -> str:
    key = _key(cluster, identifier, RETIRED)
    try:
        return field_of(unsealed(vault.get_bytes(key), f"{vault.where}/{key}", _FORMAT), "why", str)
    except ValueError as exc:
        return f"its record is damaged: {exc}"


def _announced(vault: Vault, cluster: str) -> tuple[str, str] | None:
    key = _next_key(cluster)
    try:
        document = unsealed(vault.get_bytes(key), f"{vault.where}/{key}", _FORMAT)
        return field_of(document, "id", str), field_of(document, "manifest", str)
    except (NotThereError, ValueError):
        return None


def _key(cluster: str, identifier: str, ending: str) -> str:
    return f"{catalogue_prefix(cluster)}{identifier}{ending}"


def _next_key(cluster: str) -> str:
    return f"{catalogue_prefix(cluster)}next"
