"""What a credential can really do in a vault, found out by doing it to one probe object."""

from collections.abc import Callable
from datetime import datetime, timedelta

from runbook.domain.access import Right
from runbook.domain.object_lock import LockMode
from runbook.remote.object_lock import retain
from runbook.remote.s3 import ForbiddenError
from runbook.remote.vault import AlreadyThereError, DeleteRefusedError, NotThereError, Vault
from runbook.remote.vault_s3 import S3Vault

_LOCKED_FOR = timedelta(days=1)
"""How long a version of the probe object stays at most, where nobody may shorten its lock."""
_DATA = b"what may this credential do?"


def probe_key(cluster: str) -> str:
    """Return the key of the one object that is written, locked and deleted."""
    return f"{cluster}/.probe-access"


def prepare_probe(vault: Vault, cluster: str, now: datetime, *, locks: bool) -> None:
    """Leave a probe object, locked if `locks`, as far as this credential may; the others are tried on it."""
    key = probe_key(cluster)
    if _able(lambda: vault.put_bytes(key, _DATA)) and locks and isinstance(vault, S3Vault):
        _able(lambda: _lock(vault, key, now + _LOCKED_FOR))


def probe_rights(vault: Vault, cluster: str, now: datetime, *, locks: bool) -> dict[Right, bool]:
    """Return which rights this credential has; nothing but the probe object is touched."""
    key = probe_key(cluster)
    seen = {
        Right.LIST: _able(lambda: next(vault.list(key), None)),
        Right.READ: _able(lambda: vault.get_bytes(key)),
        Right.WRITE: _able(lambda: vault.put_bytes(key, _DATA, only_if_absent=True)),
        Right.OVERWRITE: _able(lambda: vault.put_bytes(key, _DATA)),
    }
    if locks and isinstance(vault, S3Vault):
        seen[Right.LOCK] = _able(lambda: _lock(vault, key, now + _LOCKED_FOR))
        seen[Right.SHORTEN] = _able(lambda: _lock(vault, key, now + _LOCKED_FOR / 2, shorten=True))
    seen[Right.DELETE] = _able(lambda: vault.delete(key))
    return seen


def clear_probe(vault: Vault, cluster: str) -> None:
    """Leave no probe object, if this credential may delete it."""
    _able(lambda: vault.delete(probe_key(cluster)))


def _lock(vault: S3Vault, key: str, until: datetime, *, shorten: bool = False) -> None:
    retain(vault, key, LockMode.GOVERNANCE.upper(), until, bypass=shorten)


def _able(attempt: Callable[[], object]) -> bool:
    """Tell whether it was permitted: what is absent or there already was not refused."""
    try:
        attempt()
    except (ForbiddenError, DeleteRefusedError):
        return False
    except (AlreadyThereError, NotThereError):
        return True
    return True
