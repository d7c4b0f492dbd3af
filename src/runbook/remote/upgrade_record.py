"""An upgrade that was begun is on record in the vault, with what was true before it, until it is proven."""

import io

from pydantic import SecretStr

from runbook.domain.upgrade import Before
from runbook.domain.versions import Version, parse_version
from runbook.remote.encryption import decrypt_stream, encrypt_stream
from runbook.remote.state_objects import clear_state, read_state
from runbook.remote.vault import NotThereError, Vault


def _key(cluster: str) -> str:
    return f"{cluster}/upgrades/unfinished"


def unfinished_upgrade(vault: Vault, cluster: str, identity: SecretStr, wanted: Version) -> Before | None:
    """Return what was true before the upgrade to `wanted` that was begun and not proven, None if there is none."""
    try:
        sealed, _ = read_state(vault, _key(cluster))
    except NotThereError:
        return None
    with decrypt_stream(io.BytesIO(sealed), identity, f"{vault.where}/{_key(cluster)}") as plain:
        before = Before.from_json(plain.read())
    return before if parse_version(before.wanted) == wanted else None


def note_before(vault: Vault, cluster: str, before: Before, recipients: list[str]) -> None:
    """Leave it on record, encrypted, that an upgrade begins; settings may hold secrets."""
    sealed = io.BytesIO()
    encrypt_stream(io.BytesIO(before.to_json()), sealed, recipients)
    vault.put_bytes(_key(cluster), sealed.getvalue())


def note_upgraded(vault: Vault, cluster: str) -> None:
    """Leave no upgrade on record."""
    clear_state(vault, _key(cluster))
