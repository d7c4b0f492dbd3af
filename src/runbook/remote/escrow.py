"""Proof that an identity which is kept elsewhere opens a recovery point; what was proven when is in the vault."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pydantic import SecretStr

from runbook.domain.errors import RefusedError
from runbook.domain.escrow import EscrowProbe, why_unproven
from runbook.domain.findings import Finding, Level
from runbook.domain.recovery import Manifest, part_key
from runbook.remote.encryption import recipient_of
from runbook.remote.recovery_verify import verify_part
from runbook.remote.vault import NotThereError, Vault


def prove_identity(
    vault: Vault, manifest: Manifest, identity: SecretStr, parts: Iterable[str], now: datetime
) -> EscrowProbe:
    """Return the proof that this identity opens these parts of the point, byte for byte what they must be.

    RefusedError where it belongs to none of the point's recipients, MismatchError where it does not open a part.
    """
    recipient = recipient_of(identity)
    if recipient not in manifest.recipients:
        what = f"this identity is that of {recipient}, for which the point was not encrypted"
        raise RefusedError(
            f"recovery point {manifest.id}", what, "take the identity of one of its recipients"
        )
    for name in parts:
        verify_part(vault, part_key(manifest.cluster, manifest.id, name), manifest.objects[name], identity)
    return EscrowProbe(recipient, manifest.id, now)


def record_probe(vault: Vault, cluster: str, probe: EscrowProbe) -> None:
    """Leave it on record when this recipient's identity last opened a point."""
    vault.put_bytes(_key(cluster, probe.recipient), probe.to_json())


def check_recipients(
    vault: Vault, manifest: Manifest, proven: Iterable[str], now: datetime, limit: timedelta
) -> Iterator[Finding]:
    """Yield a warning for each recipient of the point whose identity was not proven within `limit`.

    Those that are `proven` with each backup are left out.
    """
    for recipient in manifest.recipients:
        if recipient in proven:
            continue
        if reason := why_unproven(_last_probe(vault, manifest.cluster, recipient), now, limit):
            yield Finding(Level.WARNING, f"recipient {recipient}", reason, _PROBE)


def _last_probe(vault: Vault, cluster: str, recipient: str) -> EscrowProbe | None:
    try:
        return EscrowProbe.from_json(vault.get_bytes(_key(cluster, recipient)))
    except (NotThereError, ValueError, KeyError, TypeError):
        return None


def _key(cluster: str, recipient: str) -> str:
    return f"{cluster}/escrow/{recipient}.json"


_PROBE = "where that identity is kept: `runbook points escrow-probe --identity file:PATH --cluster FILE`"
