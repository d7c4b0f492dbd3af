"""Which recovery points a vault holds, without reading them all."""

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.recovery import MANIFEST, is_id, part_key, points_prefix
from runbook.remote.recovery_points import load_point
from runbook.remote.vault import Vault


def ids_in(vault: Vault, cluster: str) -> frozenset[str]:
    """Return the ids of the points that a vault holds, by one listing."""
    prefix = points_prefix(cluster)
    keys = (seen.key[len(prefix) :].partition("/") for seen in vault.list(prefix))
    return frozenset(identifier for identifier, _, name in keys if name == MANIFEST and is_id(identifier))


def newest_id(vault: Vault, cluster: str) -> str | None:
    """Return the id of the newest verified point, None if there is none; a listing and mostly one request."""
    for identifier in sorted(ids_in(vault, cluster), reverse=True):
        try:
            if load_point(vault, cluster, identifier).verified:
                return identifier
        except (MismatchError, RefusedError):
            continue
    return None


def holds_point(vault: Vault, cluster: str, identifier: str) -> bool:
    """Tell whether a vault holds this point, by one request."""
    return vault.head(part_key(cluster, identifier, MANIFEST)) is not None
