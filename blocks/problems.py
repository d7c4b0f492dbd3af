"""What pydantic found wrong, in the operator's words."""

from typing import Any

from pydantic import ValidationError


def problems_in(error: ValidationError, whole: str) -> list[str]:
    """Return every problem as `path: what is wrong`; `whole` stands where it is in no single field."""
    return [f"{_where(found['loc']) or whole}: {_what(found)}" for found in error.errors()]


def _where(location: tuple[int | str, ...]) -> str:
    """Render pydantic's location as an operator would write it: `nodes[2].address`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".")


def _what(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
