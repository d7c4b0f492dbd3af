"""The control plane's licence: a lab has one, unless a fault takes it away."""

from pathlib import Path
from typing import Any

_TAKEN_AWAY = Path("faults", "no-licence")


def of(state: Path) -> dict[str, Any]:
    """Return the licence; empty where there is none (the stand-in chooses)."""
    if (state / _TAKEN_AWAY).exists():
        return {}
    return {"tier": "lab", "expiration": "2099-01-01T00:00:00Z"}
