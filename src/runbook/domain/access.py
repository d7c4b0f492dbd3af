"""Four credentials of a vault, and what each must and should not be able to do there."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from runbook.domain.errors import RefusedError
from runbook.domain.findings import Finding, Level


class Role(StrEnum):
    """Who uses the vault."""

    WRITER = "writer"  # takes recovery points, and keeps locks, holds and notes
    VERIFIER = "verifier"  # reads points back
    PRUNER = "pruner"  # deletes what is no longer kept
    RESTORER = "restorer"  # brings a point back


class Right(StrEnum):
    """What can be done in a vault."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    OVERWRITE = "overwrite"
    DELETE = "delete"
    LOCK = "lock"
    SHORTEN = "shorten a lock"


Seen = Mapping[Right, bool]  # a right that was not tried is not in it

_READS = frozenset({Right.LIST, Right.READ})
_WRITES = frozenset({Right.WRITE, Right.OVERWRITE})
_NEEDED = {
    Role.WRITER: _READS | _WRITES | {Right.LOCK},
    Role.VERIFIER: _READS,
    Role.PRUNER: _READS | _WRITES | {Right.DELETE},  # what it removes is on record in the vault
    Role.RESTORER: _READS,
}


def judge_access(role: Role, where: str, seen: Seen, *, own: bool) -> Iterator[Finding]:
    """Yield what the role lacks, which blocks, and what it should not be able to do, which is a warning.

    One without credentials of its `own` uses those of the vault: of what they can do it is not to blame.
    """
    name = f"vault.credentials.{role}" if own else f"the vault's own keys, as {role}"
    lacking = [right for right in Right if right in _NEEDED[role] and not seen.get(right, True)]
    if lacking:
        what = f"may not {_listed(lacking)} in {where}"
        yield Finding(Level.BLOCKS, name, what, f"permit that to the {role}", RefusedError)
    if not own:
        return
    if excess := [right for right in Right if seen.get(right) and right not in _NEEDED[role]]:
        next_step = f"take that from the {role}: whoever steals its key could do it"
        yield Finding(Level.WARNING, name, f"may {_listed(excess)} and need not", next_step)


def _listed(rights: list[Right]) -> str:
    return ", ".join(rights)
