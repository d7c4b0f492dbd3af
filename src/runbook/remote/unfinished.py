"""A restore that has begun to clear things away is on record in the vault until it is proven."""

from runbook.remote.vault import NotThereError, Vault


def _key(cluster: str) -> str:
    return f"{cluster}/restores/unfinished"


def unfinished_restore(vault: Vault, cluster: str) -> str | None:
    """Return the recovery point whose restore began and was not proven, None if there is none."""
    try:
        return vault.get_bytes(_key(cluster)).decode()
    except NotThereError:
        return None


def note_begun(vault: Vault, cluster: str, point: str) -> None:
    """Leave it on record that a restore of `point` begins to clear away what is left."""
    vault.put_bytes(_key(cluster), point.encode())


def note_proven(vault: Vault, cluster: str) -> None:
    """Leave no restore on record."""
    vault.delete(_key(cluster))
