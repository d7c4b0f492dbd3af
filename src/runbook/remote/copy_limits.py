"""How much may be copied at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CopyLimits:
    """How much is done at once."""

    workers: int = 16
    window: int = 2048  # entries that may wait for a copy before them
