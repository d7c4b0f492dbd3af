"""Which image data the recovery points of a vault need, from their indexes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from runbook.domain.catalogue import Entry
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.recovery import INDEX, METADATA, part_key
from runbook.domain.snapshot import SortedLookup
from runbook.domain.verification import Damage
from runbook.remote.image_index import read_index
from runbook.remote.recovery_points import load_point
from runbook.remote.recovery_verify import Contents, verify_part
from runbook.remote.vault import NotThereError, Vault
from runbook.remote.wanted_blobs import WantedBlob, WantedBlobs, blobs_of, id_of, saved_wanted


@dataclass(frozen=True)
class Place:
    """The points of one cluster in one vault, what opens them, and what tells the time."""

    vault: Vault
    cluster: str
    identity: Callable[[], SecretStr]  # asked only when something is to be opened
    now: Callable[[], datetime]
    records: Vault  # the same vault, as who may write what was found


def needed_images(place: Place, points: Sequence[Entry], note: Callable[[Damage], None]) -> WantedBlobs:
    """Return the blobs that the points need, with their digests; what cannot be opened is noted.

    `points` come newest first. Metadata is opened only for the digests of id-named blobs that no run has seen before.
    """
    wanted = WantedBlobs()
    for entry in points:
        contents = _opened(place, entry, INDEX, note)
        wanted = wanted.merged(blobs_of(contents.index, entry.id, {}))
    if all(blob.sha256 for blob in wanted):
        return wanted
    saved = SortedLookup(saved_wanted(place.vault, place.cluster) or (), lambda blob: blob.key)
    wanted = WantedBlobs(_with_digest(blob, saved.find(blob.key)) for blob in wanted)
    unknown = {blob.point for blob in wanted if not blob.sha256}
    for entry in points:
        if entry.id in unknown:
            digests = _opened(place, entry, METADATA, note).digests
            wanted = WantedBlobs(_with_digest_of_id(blob, entry.id, digests) for blob in wanted)
    return wanted


def needed_by(place: Place, entry: Entry) -> Iterator[str]:
    """Yield the keys of the blobs that a point needs, as far as its index can be read."""
    key = part_key(place.cluster, entry.id, INDEX)
    try:
        for blob in read_index(place.vault, key, place.identity()):
            yield blob.key
    except (MismatchError, RefusedError):
        return


def _opened(place: Place, entry: Entry, name: str, note: Callable[[Damage], None]) -> Contents:
    """Return what one object of a point holds; one that is damaged is noted and holds nothing."""
    contents, relative = Contents(), f"points/{entry.id}/{name}"
    key = f"{place.cluster}/{relative}"
    try:
        part = load_point(place.vault, place.cluster, entry.id).objects[name]
        reader = contents.reader(name, f"{place.vault.where}/{key}")
        verify_part(place.vault, key, part, place.identity(), reader)
    except (MismatchError, NotThereError) as exc:
        seen = place.vault.head(key)
        note(Damage(relative, f"{relative}: {exc.what}", seen.etag if seen else ""))
        return Contents()
    return contents


def _with_digest(blob: WantedBlob, known: WantedBlob | None) -> WantedBlob:
    return blob._replace(sha256=known.sha256) if known and not blob.sha256 else blob


def _with_digest_of_id(blob: WantedBlob, point: str, digests: dict[str, str]) -> WantedBlob:
    if blob.sha256 or blob.point != point:
        return blob
    digest = digests.get(id_of(blob.key), "")
    return blob._replace(sha256=digest.removeprefix("sha256:"))
