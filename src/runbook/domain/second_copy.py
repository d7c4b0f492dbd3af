"""Second copies of recovery points: which points belong into another vault, and what is left to do there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from runbook.domain.errors import MismatchError, RefusedError, RunbookError
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import PARTS, Manifest, RecoveryPoint, select_point


@dataclass(frozen=True)
class Wish:
    """What an operator wants copied: one point, all that are verified, or else the newest verified."""

    point: str | None = None
    every: bool = False


@dataclass
class Copied:
    """What a copy of blobs did."""

    copied: int = 0
    copied_bytes: int = 0
    kept: int = 0

    def __str__(self) -> str:
        return f"{self.copied} blobs copied ({self.copied_bytes / 1e6:.1f} MB), {self.kept} were there"


def points_to_copy(points: Iterable[RecoveryPoint], wish: Wish) -> tuple[Manifest, ...]:
    """Return what a copy is to hold, newest first; RefusedError where that is no verified point."""
    listed = tuple(points)
    newest = select_point(listed, wish.point)
    if wish.every and not wish.point:
        verified = [p.manifest for p in listed if p.verified and p.manifest]
        return tuple(sorted(verified, key=lambda manifest: manifest.id, reverse=True))
    require_copyable(newest)
    return (newest,)


def require_copyable(manifest: Manifest) -> None:
    """Return if the point is verified and names all its parts, else RefusedError."""
    absent = [part for part in PARTS if part not in manifest.objects]
    if manifest.verified and not absent:
        return
    what = f"its manifest does not name {', '.join(absent)}" if absent else "it was never verified"
    raise RefusedError(
        f"recovery point {manifest.id}", what, "choose one that `runbook points list` calls verified"
    )


def plan_copies(
    copy: str, manifests: Sequence[Manifest], held: Collection[str], wish: Wish
) -> tuple[Step, ...]:
    """Return one step for each point; a point that was asked for by its name is looked through again."""
    return tuple(
        _planned(copy, manifest.id, manifest.id in held, wish.point is not None) for manifest in manifests
    )


def _planned(copy: str, identifier: str, held: bool, named: bool) -> Step:
    where = f"copy {copy}"
    if not held:
        return Step(Action.COPY, where, identifier, "it is not there")
    if named:
        return Step(Action.COPY, where, identifier, "it is there; what it lacks is added and all is verified")
    return Step(Action.KEEP, where, identifier, "it is there")


def vanished(identifier: str, key: str) -> MismatchError:
    """Return the error for an object that is gone while its point is copied or exported."""
    return MismatchError(
        f"recovery point {identifier}",
        f"{key} vanished from the vault meanwhile: pruned, or lost; the half that was written is no point",
        "see `runbook points list`: if the point is gone, take another; else `runbook points verify` it",
    )


def one_error(errors: Sequence[RunbookError]) -> RunbookError | None:
    """Return the one error, or one that names them all and is of the first's kind; None if there is none."""
    if len(errors) < 2:  # noqa: PLR2004
        return errors[0] if errors else None
    what = "; ".join(f"{error.where}: {error.what}" for error in errors)
    next_steps = "; ".join(dict.fromkeys(error.next_step for error in errors))
    return type(errors[0])("vault.copies", f"{len(errors)} copies failed: {what}", next_steps)
