"""State that comes and goes in a vault, also in one where nothing may be deleted.

What cannot be deleted is overwritten with a record that says that it was released. Everybody who looks at state
looks through here, and a released record is to them as one that is absent.
"""

from runbook.remote.vault import AlreadyThereError, ChangedError, DeleteRefusedError, NotThereError, Vault

RELEASED = b'{"released": true}\n'


def read_state(vault: Vault, key: str) -> tuple[bytes, str]:
    """Return the record and its entity tag, or raise NotThereError where there is none or a released one."""
    data, etag = vault.get_with_etag(key)
    if data == RELEASED:
        raise NotThereError(f"{vault.where}/{key}", "it was released", "nothing is to be done")
    return data, etag


def claim_state(vault: Vault, key: str, data: bytes) -> str:
    """Store the record if there is none and return its entity tag; AlreadyThereError while there is one."""
    try:
        return vault.put_bytes(key, data, only_if_absent=True)
    except AlreadyThereError:
        return _take_released(vault, key, data)


def _take_released(vault: Vault, key: str, data: bytes) -> str:
    """Store the record in place of a released one, or of one that has just gone."""
    try:
        seen, etag = vault.get_with_etag(key)
    except NotThereError:
        return vault.put_bytes(key, data, only_if_absent=True)
    if seen != RELEASED:
        raise AlreadyThereError(f"{vault.where}/{key}", "it is there already", "see whose it is")
    try:
        return vault.replace_if(key, data, etag)
    except ChangedError as exc:
        raise AlreadyThereError(exc.where, "another was quicker", exc.next_step) from exc


def clear_state(vault: Vault, key: str, etag: str | None = None) -> None:
    """Leave no record under `key`, or a released one; with `etag`, one that is overwritten is the one that was read."""
    try:
        vault.delete(key)
    except DeleteRefusedError:
        if etag is None:
            vault.put_bytes(key, RELEASED)
        else:
            vault.replace_if(key, RELEASED, etag)
