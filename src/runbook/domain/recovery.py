"""Recovery points: what one is, what its parts are called, and which one to restore.

A recovery point is one metadata archive, one image snapshot and one manifest under one id. The manifest is
written last and once; a point without a readable manifest is not a recovery point.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from runbook.domain.errors import NewerFormatError, RefusedError
from runbook.domain.verification import Record

METADATA = "metadata.tar.zst.age"
INDEX = "images.index.zst.age"
SIDECAR = "sidecar.json.age"
MANIFEST = "manifest.json"
PARTS = (METADATA, INDEX, SIDECAR)
CONTROL_PLANE = "control-plane.tar.zst.age"  # only where the cluster file asks for it

_ID = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class StoredPart:
    """One object of a point: as it lies in the vault, and as it is when opened."""

    size: int
    sha256: str
    plain_size: int
    plain_sha256: str


@dataclass(frozen=True)
class ImageTotals:
    """The image snapshot in numbers."""

    layout: str  # how the storage names its blobs: standard, id-named, mixed, empty
    objects: int
    blobs: int
    bytes: int  # of all blobs


@dataclass(frozen=True)
class ProofNumbers:
    """What the proof counted."""

    references: int
    missing: int
    orphans: int
    bytes: int  # of the blobs that tags lead to


@dataclass(frozen=True)
class Canary:
    """The small known image that was pushed before the metadata was read."""

    reference: str
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What a recovery point says about itself."""

    cluster: str
    id: str
    created: datetime
    verified: bool
    registry_version: str
    cluster_id: str  # of the control plane: a restore must meet the same
    replica_id: str  # that was backed up: a restore must use the same
    objects: Mapping[str, StoredPart]
    images: ImageTotals
    proof: ProofNumbers
    tags: int
    repositories: int
    canary: Canary | None
    recipients: tuple[str, ...]  # public keys; any one of their identities opens the point
    details: Mapping[str, str] = field(default_factory=dict)  # for people: seconds, flow run, tool versions

    @property
    def size(self) -> int:
        """Bytes of the point's own objects, without the shared blobs."""
        return sum(part.size for part in self.objects.values())


@dataclass(frozen=True)
class RecoveryPoint:
    """A point as the vault lists it: its manifest, or why there is none, and what verifications know of it."""

    id: str
    manifest: Manifest | None
    problem: str | None = None
    checked: Record | None = None
    finished: bool = True  # False: it has no manifest, so a run died, or is still writing it
    gone: bool = False  # the catalogue names it, and nothing is there
    newer_format: bool = False  # a later version of this program wrote its manifest

    @property
    def verified(self) -> bool:
        """True when the manifest is readable and says so, and no verification has found damage since."""
        return self.manifest is not None and self.manifest.verified and not self.damage

    @property
    def damage(self) -> str | None:
        """What a verification found to be wrong with it, and nobody has mended since."""
        return self.checked.damage if self.checked else None

    @property
    def why_not_verified(self) -> str:
        """Why a point that is not `verified` is none to rely on."""
        return self.problem or self.damage or "its manifest says so"

    @property
    def created(self) -> datetime:
        """When the point was begun, from its id."""
        return created_of(self.id)


def new_id(now: datetime, random: str) -> str:
    """Return the id of a point begun at `now`; ids sort by time. `random` is 8 hex digits."""
    identifier = f"{now.astimezone(UTC).strftime(_TIME)}-{random}"
    if not is_id(identifier):
        raise ValueError(f"{random!r} is not 8 hex digits")
    return identifier


def is_id(text: str) -> bool:
    """Tell whether `text` is the id of a recovery point."""
    return _ID.fullmatch(text) is not None


def created_of(identifier: str) -> datetime:
    """Return the time that an id carries."""
    return datetime.strptime(identifier.partition("-")[0], _TIME).replace(tzinfo=UTC)


def points_prefix(cluster: str) -> str:
    """Return the prefix of all points of a cluster."""
    return f"{cluster}/points/"


def part_key(cluster: str, identifier: str, name: str) -> str:
    """Return the vault's key of one object of a point."""
    return f"{points_prefix(cluster)}{identifier}/{name}"


def blobs_prefix(cluster: str) -> str:
    """Return the prefix of the image data that a cluster's points share."""
    return f"{cluster}/blobs/"


def newest_verified(points: Iterable[RecoveryPoint]) -> RecoveryPoint | None:
    """Return the newest point that may be restored, None if there is none; one that is known to be damaged is not."""
    sound = (point for point in points if point.verified)
    return max(sound, key=lambda point: point.id, default=None)


def passed_over(points: Iterable[RecoveryPoint], chosen: str) -> tuple[str, ...]:
    """Return a sentence for each point newer than the chosen one that is damaged or gone: why it was not taken."""
    newer = [point for point in points if point.id > chosen]
    damaged = [f"recovery point {point.id} is damaged: {point.damage}" for point in newer if point.damage]
    return (*damaged, *(f"recovery point {point.id}: {point.problem}" for point in newer if point.gone))


def refuse_newer_points(points: Iterable[RecoveryPoint], where: str) -> None:
    """Return if this program reads every point; else NewerFormatError: what it would do is a guess."""
    if newer := [point for point in points if point.newer_format]:
        raise NewerFormatError(
            f"{where}, point {newer[-1].id}", newer[-1].problem or "", "use the newer version of this program"
        )


def select_point(points: Iterable[RecoveryPoint], wanted: str | None = None) -> Manifest:
    """Return the manifest of the wanted point (its id, or a beginning that only it has), else of the newest.

    Which point is the newest is not known while a later version of this program has written one: NewerFormatError.
    """
    points = tuple(points)
    if wanted:
        return _one_of(points, wanted)
    refuse_newer_points(points, "vault")
    newest = newest_verified(points)
    if newest is None or newest.manifest is None:
        unfinished = f"; {len(points)} are unfinished or not verified" if points else ""
        if damaged := passed_over(points, ""):
            unfinished = f"; {len(points)} are unfinished, not verified or damaged: {damaged[-1]}"
        raise RefusedError(
            "vault",
            f"it holds no verified recovery point{unfinished}",
            "run `runbook backup`, or name another vault",
        )
    return newest.manifest


def _one_of(points: tuple[RecoveryPoint, ...], wanted: str) -> Manifest:
    found = [point for point in points if point.id.startswith(wanted)]
    if len(found) != 1:
        what = f"{len(found)} of {len(points)} recovery points begin with {wanted!r}"
        raise RefusedError("vault", what, "name one that `runbook points list` shows")
    point = found[0]
    if point.manifest is None:
        raise RefusedError(f"point {point.id}", point.problem or "it has no manifest", "choose another point")
    return point.manifest


def why_not_restorable(manifest: Manifest, *, version: str, cluster_id: str | None = None) -> str | None:
    """Say why this point cannot be restored onto a cluster that runs `version`, None if it can."""
    if not manifest.verified:
        return "it was never verified"
    if manifest.proof.missing:
        return f"{manifest.proof.missing} references of its metadata are not in its images"
    if absent := [part for part in PARTS if part not in manifest.objects]:
        return f"its manifest does not name {', '.join(absent)}"
    if manifest.registry_version != version:
        return f"it is of version {manifest.registry_version}, and {version} is to be restored"
    if cluster_id and manifest.cluster_id and manifest.cluster_id != cluster_id:
        return f"it is of control plane {manifest.cluster_id}, this one is {cluster_id}: its accounts would not exist"
    return None


def why_too_old(newest: RecoveryPoint | None, now: datetime, limit: timedelta) -> str | None:
    """Say that the newest verified point is older than `limit`, None if it is not."""
    if newest is None:
        return "there is no verified recovery point"
    age = now - newest.created
    return f"the newest verified recovery point is {age} old, more than {limit}" if age > limit else None
