"""An install is on record in the vault, with the replica it makes, until that is healthy."""

from runbook.remote.state_objects import clear_state, read_state
from runbook.remote.vault import NotThereError, Vault


def _key(cluster: str) -> str:
    return f"{cluster}/installs/unfinished"


def unfinished_install(vault: Vault, cluster: str) -> str | None:
    """Return the id of the replica that an install began to make and nobody saw healthy, None if there is none."""
    try:
        return read_state(vault, _key(cluster))[0].decode()
    except NotThereError:
        return None


def note_installing(vault: Vault, cluster: str, replica_id: str) -> None:
    """Leave it on record that a first replica of this id is about to be made."""
    vault.put_bytes(_key(cluster), replica_id.encode())


def note_installed(vault: Vault, cluster: str) -> None:
    """Leave no install on record."""
    if unfinished_install(vault, cluster):
        clear_state(vault, _key(cluster))
