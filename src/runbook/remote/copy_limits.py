"""How much may be copied at once, and how fast."""

from dataclasses import dataclass
from functools import cached_property

from runbook.remote.pace import Pace, paced, unlimited


@dataclass(frozen=True)
class CopyLimits:
    """Limits that all threads of a run share; what a server copies by itself is not slowed down."""

    workers: int = 16
    window: int = 2048  # entries that may wait for a copy before them
    bytes_per_second: float | None = None

    @cached_property
    def pace(self) -> Pace:
        """How fast bytes may be streamed."""
        return unlimited if self.bytes_per_second is None else paced(self.bytes_per_second)
