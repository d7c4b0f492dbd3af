"""What `check` found, and whether it stands in the way."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from runbook.domain.errors import (
    InvalidConfigError,
    MismatchError,
    NotReadyError,
    RefusedError,
    RunbookError,
    UnreachableError,
)


class Level(StrEnum):
    """How much a finding matters to the runbook that is about to run."""

    OK = "ok"
    WARNING = "warning"
    BLOCKS = "blocks"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: where, what was seen, what to do next."""

    level: Level
    where: str
    what: str
    next_step: str = ""
    error: type[RunbookError] = RefusedError
    readable: bool = False  # nothing may be put there, and what is there can be read all the same


def ok(where: str, what: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(Level.OK, where, what)


def from_error(error: RunbookError, level: Level = Level.BLOCKS) -> Finding:
    """Return the error as a finding."""
    return Finding(level, error.where, error.what, error.next_step, type(error))


def without_repeats(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in their order, each once: two checks may meet the same error."""
    return tuple(dict.fromkeys(findings))


def grouped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for each fault, with every place where it is; what blocks comes first."""
    places: dict[Finding, list[str]] = {}
    for found in findings:
        places.setdefault(replace(found, where=""), []).append(found.where)
    merged = [replace(fault, where=", ".join(dict.fromkeys(where))) for fault, where in places.items()]
    return tuple(sorted(merged, key=lambda found: found.level is not Level.BLOCKS))


def not_judged(where: str, error: RunbookError) -> tuple[Finding, ...]:
    """Return the error, and beside it that `where` could not be judged, so that its row is not just missing."""
    what = f"not judged, for {error.where} stands in the way"
    beside = Finding(Level.WARNING, where, what, "act on that, then run `runbook check`")
    return (from_error(error),) if error.where == where else (from_error(error), beside)


def tolerate(
    findings: Iterable[Finding], where: set[str], *, only_reads: bool = False
) -> tuple[Finding, ...]:
    """Return the findings with those at `where` that only say "unreachable" lowered to warnings.

    For a runbook that only reads from the nodes, so are those that say nothing against reading.
    """

    def tolerable(found: Finding) -> bool:
        silent = issubclass(found.error, UnreachableError)
        return found.where in where and (silent or (only_reads and found.readable))

    return tuple(
        replace(f, level=Level.WARNING) if f.level is Level.BLOCKS and tolerable(f) else f for f in findings
    )


def spare(managers: Iterable[str], findings: Iterable[Finding]) -> set[str]:
    """Return the managers that may be silent: all that are, as long as nothing blocks on another one."""
    named = set(managers)
    blocked = {f.where for f in findings if f.level is Level.BLOCKS and f.where in named}
    return blocked if blocked < named else set()


def lower(findings: Iterable[Finding], kind: type[RunbookError]) -> tuple[Finding, ...]:
    """Return the findings with what blocks and is of this kind lowered to warnings."""
    return tuple(
        replace(f, level=Level.WARNING) if f.level is Level.BLOCKS and issubclass(f.error, kind) else f
        for f in findings
    )


def to_json(findings: Iterable[Finding]) -> str:
    """Return the findings for a program."""
    rows = [{"level": f.level, "where": f.where, "what": f.what, "next": f.next_step} for f in findings]
    return json.dumps({"findings": rows}, indent=2, ensure_ascii=False)


_GRAVEST_FIRST = (InvalidConfigError, RefusedError, MismatchError, NotReadyError)


def error_for(findings: Sequence[Finding]) -> RunbookError | None:
    """Return one error that names every blocking finding, None when nothing blocks.

    Its kind is that of the gravest: what the operator must change before what may heal by itself.
    """
    blocking = [f for f in findings if f.level is Level.BLOCKS]
    if not blocking:
        return None
    if len(blocking) == 1:
        return blocking[0].error(blocking[0].where, blocking[0].what, blocking[0].next_step)
    gravest = next(
        (kind for kind in _GRAVEST_FIRST for f in blocking if issubclass(f.error, kind)),
        UnreachableError,
    )
    what = "; ".join(f"{f.where}: {f.what}" for f in blocking)
    next_steps = "; ".join(dict.fromkeys(f"{f.where}: {f.next_step}" for f in blocking))
    return gravest("check", f"{len(blocking)} findings block: {what}", next_steps)
