"""One runbook at a time changes a cluster: a lock with an owner and a lease."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from runbook.domain.errors import LockedError
from runbook.domain.formats import refuse_newer_record

LEASE = timedelta(seconds=60)
"""How long a lock outlives a runbook that died; a living one renews it three times as often."""


@dataclass(frozen=True)
class LockRecord:
    """Who holds the cluster, for what, on which machine, since when and until when (UTC)."""

    owner: str
    purpose: str
    machine: str
    since: datetime
    until: datetime

    def to_json(self) -> bytes:
        """Return the record as JSON, times in ISO 8601."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=2).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "LockRecord":
        """Return the record that `to_json` wrote; NewerFormatError for a later version's."""
        fields = json.loads(data)
        refuse_newer_record("vault", "the cluster's lock", fields)
        since, until = (datetime.fromisoformat(fields[name]) for name in ("since", "until"))
        return cls(fields["owner"], fields["purpose"], fields["machine"], since, until)

    def renewed(self, now: datetime) -> "LockRecord":
        """Return the same lock with a lease that begins now."""
        return LockRecord(self.owner, self.purpose, self.machine, self.since, now + LEASE)


def refuse_held(record: LockRecord, cluster: str, owner: str, now: datetime) -> None:
    """Raise LockedError while another's lease runs; one's own and one that ended may be taken over."""
    if record.until <= now or record.owner == owner:
        return
    raise LockedError(
        cluster,
        f"{record.purpose} holds the cluster since {record.since:%Y-%m-%d %H:%M:%S} UTC "
        f"(run {record.owner} on {record.machine})",
        f"wait for it; if it died, its lease ends at {record.until:%H:%M:%S} UTC",
    )
