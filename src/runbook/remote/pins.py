"""Pins: recovery points that no retention rule may remove, each with who wants it and why."""

import json

from runbook.remote.vault import Vault


def _prefix(cluster: str) -> str:
    return f"{cluster}/pins/"


def pin(vault: Vault, cluster: str, identifier: str, why: str) -> None:
    """Leave the point pinned, for `why`; an older reason is replaced."""
    vault.put_bytes(f"{_prefix(cluster)}{identifier}", json.dumps({"why": why}).encode())


def unpin(vault: Vault, cluster: str, identifier: str) -> None:
    """Leave the point without a pin."""
    vault.delete(f"{_prefix(cluster)}{identifier}")


def read_pins(vault: Vault, cluster: str) -> dict[str, str]:
    """Return why each pinned point is pinned."""
    prefix = _prefix(cluster)
    keys = [seen.key for seen in vault.list(prefix)]
    return {key.removeprefix(prefix): str(json.loads(vault.get_bytes(key))["why"]) for key in keys}
