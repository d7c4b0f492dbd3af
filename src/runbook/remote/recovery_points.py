"""Recovery points in a vault: published once, listed, read back and verified."""

import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from runbook.domain.errors import MismatchError, NewerFormatError, RefusedError
from runbook.domain.recovery import (
    MANIFEST,
    SIDECAR,
    Manifest,
    RecoveryPoint,
    StoredPart,
    is_id,
    part_key,
    points_prefix,
)
from runbook.domain.recovery_json import manifest_from_json, manifest_to_json
from runbook.remote.archive import read_metadata, seal_stream
from runbook.remote.catalogue import announce, enter, expected_points
from runbook.remote.vault import AlreadyThereError, Vault
from runbook.remote.verifications import known_records

_READERS = 16
GONE = "it is gone: the catalogue names it; put it back from a copy"


def publish(vault: Vault, manifest: Manifest) -> None:
    """Make the point one: its manifest is written last, once, and never again, and the catalogue knows it."""
    for name, part in manifest.objects.items():
        key = part_key(manifest.cluster, manifest.id, name)
        seen = vault.head(key)
        if seen is None or seen.size != part.size:
            there = "is missing" if seen is None else f"has {seen.size} bytes"
            what = f"it {there}, and the manifest names {part.size} bytes"
            raise MismatchError(f"{vault.where}/{key}", what, "run the backup again")
    key = part_key(manifest.cluster, manifest.id, MANIFEST)
    text = manifest_to_json(manifest)
    announce(vault, manifest, text)
    try:
        vault.put_bytes(key, text, only_if_absent=True)
    except AlreadyThereError:
        if vault.get_bytes(key) != text:  # else an answer was lost, and a second try met the first
            raise
    enter(vault, manifest, text)


def list_points(vault: Vault, cluster: str) -> tuple[RecoveryPoint, ...]:
    """Return all points, oldest first; one that is unfinished or damaged says so in `problem` or `damage`."""
    prefix = points_prefix(cluster)
    folders: dict[str, bool] = {}
    for seen in vault.list(prefix):
        identifier, _, name = seen.key[len(prefix) :].partition("/")
        if is_id(identifier):
            folders[identifier] = folders.get(identifier, False) or name == MANIFEST
    with ThreadPoolExecutor(_READERS, "points") as pool:
        found = list(pool.map(lambda item: _point(vault, cluster, *item), sorted(folders.items())))
    records = known_records(vault, cluster)
    return tuple(replace(point, checked=records.get(point.id)) for point in found)


def list_with_gone(vault: Vault, cluster: str) -> tuple[RecoveryPoint, ...]:
    """Return all points, and those that the catalogue names and that have no manifest any more, oldest first."""
    found = {point.id: point for point in list_points(vault, cluster)}
    there = {point.id for point in found.values() if point.finished}
    for name in expected_points(vault, cluster) - there:
        found[name] = RecoveryPoint(name, None, GONE, finished=False, gone=True)
    return tuple(point for _, point in sorted(found.items()))


def _point(vault: Vault, cluster: str, identifier: str, has_manifest: bool) -> RecoveryPoint:
    if not has_manifest:
        return RecoveryPoint(identifier, None, "it was never finished: it has no manifest", finished=False)
    try:
        return RecoveryPoint(identifier, load_point(vault, cluster, identifier))
    except (MismatchError, RefusedError) as exc:
        return RecoveryPoint(identifier, None, exc.what, newer_format=isinstance(exc, NewerFormatError))


def load_point(vault: Vault, cluster: str, identifier: str) -> Manifest:
    """Return the point's manifest, or raise: NotThereError, MismatchError, NewerFormatError."""
    key = part_key(cluster, identifier, MANIFEST)
    where = f"{vault.where}/{key}"
    manifest = manifest_from_json(vault.get_bytes(key), where)
    if (manifest.cluster, manifest.id) != (cluster, identifier):
        what = f"it is the manifest of {manifest.cluster}/{manifest.id}"
        raise MismatchError(where, what, "choose another recovery point")
    return manifest


def write_sidecar(
    vault: Vault, cluster: str, identifier: str, content: Mapping[str, Any], recipients: Sequence[str]
) -> StoredPart:
    """Store what a restore must match, and return its numbers."""
    text = json.dumps(content, indent=2, sort_keys=True).encode()
    with vault.writer(part_key(cluster, identifier, SIDECAR)) as sink:
        return seal_stream(io.BytesIO(text), sink, recipients)


def read_sidecar(vault: Vault, cluster: str, identifier: str, identity: SecretStr) -> dict[str, Any]:
    """Return what `write_sidecar` stored."""
    key = part_key(cluster, identifier, SIDECAR)
    with read_metadata(vault, key, identity) as stream:
        document = json.loads(stream.read())
    if not isinstance(document, dict):
        raise MismatchError(
            f"{vault.where}/{key}", "it is not a JSON object", "choose another recovery point"
        )
    return document
