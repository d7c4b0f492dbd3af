"""The catalogue: which recovery points there must be, and what each is made of, kept outside the points' folders.

One entry per published point, written once. A point that was removed on purpose has a second object that says why.
So a point that is gone without a word is noticed, and so is one that nobody entered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from runbook.domain.recovery import MANIFEST, Manifest
from runbook.domain.sealed_json import field_of, sealed, unsealed
from runbook.domain.verification import Damage

FORMAT_VERSION = 1
ENTRY = ".json"
RETIRED = ".retired.json"


class Stored(NamedTuple):
    """An object as the catalogue names it."""

    size: int
    sha256: str


class Seen(NamedTuple):
    """An object of a point's folder as the vault lists it; of a manifest the digest of its bytes as well."""

    size: int
    etag: str
    sha256: str = ""


@dataclass(frozen=True)
class Entry:
    """One recovery point in the catalogue."""

    id: str
    created: datetime
    manifest: Stored
    objects: Mapping[str, Stored]
    blobs: int
    blob_bytes: int


@dataclass(frozen=True)
class Catalogue:
    """All entries, and why those that are retired are."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    retired: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)  # what is wrong with an entry
    announced: tuple[str, str] | None = (
        None  # the point that was to be published next, and its manifest's SHA-256
    )

    @property
    def live(self) -> tuple[Entry, ...]:
        """The points that must be there, oldest first."""
        return tuple(entry for name, entry in sorted(self.entries.items()) if name not in self.retired)

    def knows(self, identifier: str) -> bool:
        """Tell whether the point was ever entered."""
        return identifier in self.entries or identifier in self.retired or identifier in self.unreadable

    def why_to_enter(self, identifier: str, sha256: str) -> str | None:
        """Say why a point that is not in the catalogue belongs there, None if nothing speaks for it.

        Either the run that published it died before it entered it, or the point is older than the catalogue.
        """
        if self.announced == (identifier, sha256):
            return "the run that published it ended before it was entered"
        known = [*self.entries, *self.retired, *self.unreadable]
        if all(identifier < other for other in known):
            return "it is older than the catalogue"
        return None


def entry_of(manifest: Manifest, stored: Stored) -> Entry:
    """Return the entry of a point whose manifest is stored so."""
    objects = {name: Stored(part.size, part.sha256) for name, part in manifest.objects.items()}
    images = manifest.images
    return Entry(manifest.id, manifest.created, stored, objects, images.blobs, images.bytes)


def entry_to_json(entry: Entry) -> bytes:
    """Return the entry's stored form."""
    document = {
        "format_version": FORMAT_VERSION,
        "id": entry.id,
        "created": entry.created.isoformat(),
        "manifest": entry.manifest._asdict(),
        "objects": {name: stored._asdict() for name, stored in entry.objects.items()},
        "blobs": entry.blobs,
        "blob_bytes": entry.blob_bytes,
    }
    return sealed(document)


def entry_from_json(data: bytes, where: str) -> Entry:
    """Return the entry that `data` is; a ValueError says why it is none."""
    document = unsealed(data, where, FORMAT_VERSION)
    return Entry(
        id=field_of(document, "id", str),
        created=datetime.fromisoformat(field_of(document, "created", str)),
        manifest=_stored(document.get("manifest")),
        objects={name: _stored(entry) for name, entry in field_of(document, "objects", dict).items()},
        blobs=field_of(document, "blobs", int),
        blob_bytes=field_of(document, "blob_bytes", int),
    )


def _stored(document: Any) -> Stored:
    return Stored(field_of(document, "size", int), field_of(document, "sha256", str))


Folders = Mapping[str, Mapping[str, Seen]]
"""By a point's id, the objects of its folder by their names."""


def differences(catalogue: Catalogue, folders: Folders) -> tuple[Damage, ...]:
    """Return what the vault holds other than the catalogue says, each thing as a sentence."""
    damages = [
        Damage(f"catalogue/{name}{ENTRY}", what) for name, what in sorted(catalogue.unreadable.items())
    ]
    for entry in catalogue.live:
        damages += _wrong_with(entry, folders.get(entry.id, {}))
    for identifier, folder in sorted(folders.items()):
        if MANIFEST in folder and not catalogue.knows(identifier):
            key = f"points/{identifier}/{MANIFEST}"
            damages.append(
                Damage(key, f"{key} is there, and the catalogue does not know it", folder[MANIFEST].etag)
            )
    return tuple(damages)


def _wrong_with(entry: Entry, folder: Mapping[str, Seen]) -> Iterator[Damage]:
    base = f"points/{entry.id}"
    if not folder:
        what = f"{base} is gone: the catalogue names it, and nothing of it is in the vault"
        yield Damage(f"{base}/{MANIFEST}", what)
        return
    for name, wanted in ((MANIFEST, entry.manifest), *sorted(entry.objects.items())):
        seen = folder.get(name)
        if reason := _why_not(wanted, seen):
            yield Damage(f"{base}/{name}", f"{base}/{name} {reason}", seen.etag if seen else "")
    for name in sorted(folder.keys() - entry.objects.keys() - {MANIFEST}):
        what = f"{base}/{name} is there, and its manifest does not name it"
        yield Damage(f"{base}/{name}", what, folder[name].etag)


def _why_not(wanted: Stored, seen: Seen | None) -> str | None:
    if seen is None:
        return "is not in the vault"
    if seen.size != wanted.size:
        return f"has {seen.size} bytes in the vault, the catalogue says {wanted.size}"
    if seen.sha256 and seen.sha256 != wanted.sha256:
        return f"hashes to {seen.sha256}, the catalogue says {wanted.sha256}"
    return None


def leftovers(catalogue: Catalogue, folders: Folders) -> Sequence[str]:
    """Return a sentence for each point of which something is there that is no point any more, or not yet."""
    notes = []
    for identifier, folder in sorted(folders.items()):
        if identifier in catalogue.retired:
            why = catalogue.retired[identifier]
            notes.append(
                f"points/{identifier} was retired ({why}), and {len(folder)} objects of it are there"
            )
        elif MANIFEST not in folder and not catalogue.knows(identifier):
            notes.append(f"points/{identifier} was never finished: it has no manifest")
    return notes
