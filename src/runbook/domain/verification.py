"""What verifications found: per recovery point, when it was last looked at, how, and what is wrong with it.

What is wrong is tied to the entity tag that the object had: once other bytes are there, nothing is known of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from runbook.domain.sampling import Rotation
from runbook.domain.sealed_json import field_of, sealed, unsealed

FORMAT_VERSION = 1
KEPT = 100
"""Findings that a record keeps of one point; their number is kept whatever it is."""


class Mode(StrEnum):
    """How much is read, from least to most."""

    QUICK = "quick"  # listings, and the manifests
    POINT = "read back"  # the objects of one point, opened and proven; its images by a listing
    SAMPLE = "sample"  # a share of all bytes; the next sample goes on where it ended
    FULL = "full"  # every byte


def first_of(first: str, number: int) -> str:
    """Return the first of so many findings, and how many more there are."""
    return first if number == 1 else f"{first}, and {number - 1} more"


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong, as a sentence that names the object; its key is relative to the cluster's folder."""

    key: str
    what: str
    etag: str = ""  # of the object when it was looked at; none if it was not there

    @property
    def point(self) -> str | None:
        """The recovery point that the object is a part of, None for image data, which points share."""
        folder, _, rest = self.key.partition("/")
        return rest.partition("/")[0] if folder == "points" else None


@dataclass(frozen=True)
class Record:
    """What is known of one recovery point from looking at it."""

    id: str
    last: Mode
    at: datetime
    damages: tuple[Damage, ...] = ()
    found: int = 0  # how many there were, kept or not
    seen: Mapping[Mode, datetime] = field(default_factory=dict)  # when each mode last ended

    def with_damages(self, damages: tuple[Damage, ...]) -> "Record":
        """Return the record with these of its damages alone."""
        gone = len(self.damages) - len(damages)
        return replace(self, damages=damages, found=self.found - gone)

    @property
    def damage(self) -> str | None:
        """What is wrong with the point, None if nothing is known to be."""
        if not self.damages:
            return None
        more = f", and {self.found - 1} more" if self.found > 1 else ""
        return f"{self.damages[0].what}{more} ({self.last} of {self.at:%Y-%m-%d %H:%M} UTC)"


@dataclass(frozen=True)
class State:
    """What verifications leave for the next one: how far samples came, and the record of each point."""

    rotation: Rotation = field(default_factory=Rotation)
    records: Mapping[str, Record] = field(default_factory=dict)

    def known(self, identifier: str) -> tuple[Damage, ...]:
        """Return what is known to be wrong with a point."""
        record = self.records.get(identifier)
        return record.damages if record else ()

    def after(
        self, run: tuple[Mode, datetime], found: Mapping[str, Iterable[Damage]], gone: Collection[str] = ()
    ) -> "State":
        """Return the state after a run that looked at the points of `found`, and found that with each.

        Points that are `gone` on purpose have no record any more.
        """
        mode, at = run
        records = {name: record for name, record in self.records.items() if name not in gone}
        for identifier, damages in found.items():
            every = tuple(dict.fromkeys(damages))
            before = records.get(identifier)
            seen = {**(before.seen if before else {}), mode: at}
            records[identifier] = Record(identifier, mode, at, every[:KEPT], len(every), seen)
        return replace(self, records=records)


def still_known(
    before: Iterable[Damage], etag_of: Callable[[str], str], read: Collection[str] | None = ()
) -> tuple[Damage, ...]:
    """Return what an earlier run found and a later one neither read again nor finds replaced.

    `etag_of` gives the entity tag of now, none where there is no object; `read` is None after a run that read every
    byte.
    """
    if read is None:
        return ()
    return tuple(d for d in before if d.key not in read and etag_of(d.key) == d.etag)


def state_to_json(state: State) -> bytes:
    """Return the state's stored form."""
    turn = state.rotation
    document = {
        "format_version": FORMAT_VERSION,
        "rotation": {
            "cursor": turn.cursor,
            "covered": turn.covered,
            "began": turn.began.isoformat() if turn.began else None,
            "whole": turn.whole.isoformat() if turn.whole else None,
        },
        "points": {name: _record_fields(record) for name, record in state.records.items()},
    }
    return sealed(document)


def state_from_json(data: bytes, where: str) -> State:
    """Return the state that `data` is; a ValueError says why it is none."""
    document = unsealed(data, where, FORMAT_VERSION)
    points = field_of(document, "points", dict)
    turn = field_of(document, "rotation", dict)
    rotation = Rotation(
        field_of(turn, "cursor", int),
        field_of(turn, "covered", int),
        _time(turn, "began"),
        _time(turn, "whole"),
    )
    return State(rotation, {str(name): _record(str(name), entry) for name, entry in points.items()})


def _record_fields(record: Record) -> Mapping[str, object]:
    return {
        "last": record.last.value,
        "at": record.at.isoformat(),
        "found": record.found,
        "damages": [{"key": d.key, "what": d.what, "etag": d.etag} for d in record.damages],
        "seen": {mode.value: at.isoformat() for mode, at in record.seen.items()},
    }


def _record(identifier: str, document: object) -> Record:
    return Record(
        id=identifier,
        last=Mode(field_of(document, "last", str)),
        at=datetime.fromisoformat(field_of(document, "at", str)),
        damages=tuple(_damage(entry) for entry in field_of(document, "damages", list)),
        found=field_of(document, "found", int),
        seen={Mode(m): datetime.fromisoformat(at) for m, at in field_of(document, "seen", dict).items()},
    )


def _time(document: Mapping[str, object], name: str) -> datetime | None:
    return None if document.get(name) is None else datetime.fromisoformat(field_of(document, name, str))


def _damage(entry: object) -> Damage:
    return Damage(field_of(entry, "key", str), field_of(entry, "what", str), field_of(entry, "etag", str))
