"""Which point an operator means who pins one or takes a pin away: a damaged or removed one can be meant too."""

from collections.abc import Iterable

from runbook.domain.errors import RefusedError


def select_id(identifiers: Iterable[str], wanted: str, what: str = "recovery points") -> str:
    """Return the one id that begins with `wanted`; RefusedError where none or several do."""
    known = set(identifiers)
    found = sorted(identifier for identifier in known if identifier.startswith(wanted))
    if len(found) != 1:
        counted = f"{len(found)} of {len(known)} {what} begin with {wanted!r}"
        raise RefusedError("vault", counted, "name one that `runbook points list` shows")
    return found[0]
