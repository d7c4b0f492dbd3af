"""Pins: recovery points that no retention rule may remove, each with who wants it and why."""

import json

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import MANIFEST, part_key
from runbook.remote.catalogue import is_retired, recall
from runbook.remote.state_objects import clear_state, read_state
from runbook.remote.vault import NotThereError, Vault


def pins_prefix(cluster: str) -> str:
    """Return the prefix of all pins of a cluster."""
    return f"{cluster}/pins/"


def pin(vault: Vault, cluster: str, identifier: str, why: str) -> None:
    """Leave the point pinned for `why`, an older reason replaced; RefusedError where there is no such point.

    Looked at again once the pin is there: from then on pruning sees it, and before it may have removed the point.
    """
    _require_there(vault, cluster, identifier)
    vault.put_bytes(_key(cluster, identifier), json.dumps({"why": why}).encode())
    try:
        _require_there(vault, cluster, identifier)
    except RefusedError:
        unpin(vault, cluster, identifier)
        raise
    if is_retired(vault, cluster, identifier):  # a removal died just before it began
        recall(vault, cluster, identifier)


def unpin(vault: Vault, cluster: str, identifier: str) -> None:
    """Leave the point without a pin, whether it is still there or not."""
    clear_state(vault, _key(cluster, identifier))


def why_pinned(vault: Vault, cluster: str, identifier: str) -> str | None:
    """Return why the point is pinned now, None if it is not; a pin that nobody can read is one."""
    try:
        return str(json.loads(read_state(vault, _key(cluster, identifier))[0])["why"])
    except NotThereError:
        return None
    except (ValueError, KeyError, TypeError):
        return "its reason cannot be read"


def read_pins(vault: Vault, cluster: str) -> dict[str, str]:
    """Return why each pinned point is pinned."""
    prefix = pins_prefix(cluster)
    pinned = [seen.key.removeprefix(prefix) for seen in vault.list(prefix)]
    found = ((identifier, why_pinned(vault, cluster, identifier)) for identifier in pinned)
    return {identifier: why for identifier, why in found if why is not None}


def _key(cluster: str, identifier: str) -> str:
    return f"{pins_prefix(cluster)}{identifier}"


def _require_there(vault: Vault, cluster: str, identifier: str) -> None:
    if vault.head(part_key(cluster, identifier, MANIFEST)) is None:
        what = "it is no recovery point, or none any more: it has no manifest"
        raise RefusedError(f"point {identifier}", what, "name one that `runbook points list` shows")
