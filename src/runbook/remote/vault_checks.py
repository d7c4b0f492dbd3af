"""What `check` says about how a vault is protected: its locks, its encryption, and the keys that open its points."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from runbook.domain.errors import MismatchError
from runbook.domain.findings import Finding, Level, from_error
from runbook.domain.recovery import MANIFEST, RecoveryPoint, part_key
from runbook.remote.escrow import check_recipients
from runbook.remote.object_lock import check_lock
from runbook.remote.server_side_encryption import require_encrypted
from runbook.remote.vault import Vault


def check_protection(
    vault: Vault, newest: RecoveryPoint | None, proven: Collection[str], now: datetime, limit: timedelta
) -> Iterator[Finding]:
    """Yield what was found; nothing of it stands in the way of a runbook that only reads.

    `proven` are the recipients whose identities open every point; the others must have opened one within `limit`.
    """
    yield from check_lock(vault)
    if newest is None or newest.manifest is None:
        return
    yield from check_recipients(vault, newest.manifest, proven, now, limit)
    try:
        require_encrypted(vault, part_key(newest.manifest.cluster, newest.id, MANIFEST))
    except MismatchError as error:
        yield from_error(error, Level.WARNING)
