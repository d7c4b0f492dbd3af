"""The vendor's turn-taking: a lock in the database and one `dtr-phase2`; both outlive a run that fails."""

import re

_TAKEN = re.compile(
    r"\block(s|ed|ing)?\b.*\b(cluster|operation|join|replica|held|acquir\w+|expir\w+|taken)\b"
    r"|\b(cluster|operation|join|replica|acquir\w+|held|holds|taken|get|obtain)\b.*\block(s|ed)?\b"
    r"|another (operation|join|remove|bootstrapper|instance|process)\b.*\b(runs?|running|progress|exists)\b"
    r"|dtr-phase2\b.*\b(in use|conflict|already)|conflict\b.*\bdtr-phase2",
    re.IGNORECASE,
)


def why_not_our_turn(words: str) -> str | None:
    """Return the bootstrapper's words if they say that another operation's lock or container is still there."""
    return words if _TAKEN.search(words) else None
