"""Keys kept outside: who could open a recovery point, and when that was last proven."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class EscrowProbe:
    """The identity of a recipient has opened a point."""

    recipient: str
    point: str
    at: datetime

    def to_json(self) -> bytes:
        """Return it as JSON."""
        fields = {"recipient": self.recipient, "point": self.point, "at": self.at.isoformat()}
        return json.dumps(fields, indent=2).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "EscrowProbe":
        """Return what `to_json` wrote; a ValueError, KeyError or TypeError says that it is nothing of the kind."""
        fields = json.loads(data)
        return cls(fields["recipient"], fields["point"], datetime.fromisoformat(fields["at"]))


def why_unproven(probe: EscrowProbe | None, now: datetime, limit: timedelta) -> str | None:
    """Say that a recipient's identity was not proven, or not within `limit`; None if it was."""
    if probe is None:
        return "its identity was never proven to open a recovery point"
    if now - probe.at > limit:
        return f"its identity last opened a recovery point on {probe.at:%Y-%m-%d}, more than {limit.days} days ago"
    return None
