"""What a run that was killed may leave in a vault, beside the folder of its unfinished point."""

from contextlib import suppress

from runbook.domain.errors import RefusedError
from runbook.remote.vault import PROBE, Vault


def clear_probes(vault: Vault, cluster: str) -> None:
    """Leave no probe object of a run that died; the cluster's lock is held, so no other run is probing."""
    for seen in vault.list(f"{cluster}/{PROBE}"):
        with suppress(RefusedError):  # a vault that does not delete keeps them; the next probe says so
            vault.delete(seen.key)
