"""Times as the API prints them."""

from datetime import UTC, datetime


def now() -> str:
    """Return the present time as RFC 3339 text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(text: str) -> float:
    """Return how many seconds ago a time was."""
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
