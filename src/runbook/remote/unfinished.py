"""A restore that has begun to clear things away is on record in the vault until it is proven."""

from runbook.domain.disaster import Unfinished
from runbook.remote.state_objects import clear_state, read_state
from runbook.remote.vault import NotThereError, Vault


def _key(cluster: str) -> str:
    return f"{cluster}/restores/unfinished"


def unfinished_restore(vault: Vault, cluster: str) -> Unfinished | None:
    """Return the restore that began and was not proven, None if there is none."""
    try:
        point, _, replica_id = read_state(vault, _key(cluster))[0].decode().partition(" ")
    except NotThereError:
        return None
    return Unfinished(point, replica_id)


def note_begun(vault: Vault, cluster: str, begun: Unfinished) -> None:
    """Leave it on record that a restore begins to clear away what is left."""
    vault.put_bytes(_key(cluster), f"{begun.point} {begun.replica_id}".encode())


def note_proven(vault: Vault, cluster: str) -> None:
    """Leave no restore on record."""
    clear_state(vault, _key(cluster))


def note_outlived(vault: Vault, cluster: str, published: str) -> Unfinished | None:
    """Leave no restore of a point older than `published` on record: a backup proves that the registry lives.

    Returns the restore that was on record and is not any more.
    """
    left = unfinished_restore(vault, cluster)
    if left is None or left.point >= published:  # ids sort by time
        return None
    note_proven(vault, cluster)
    return left
