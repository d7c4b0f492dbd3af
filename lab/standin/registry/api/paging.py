"""Pages of a list: pageStart, pageSize and count, as the API takes them."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from registry.service import ApiError


def page(
    request: web.Request, rows: list[dict[str, Any]], key: str, default_size: int = 0
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the asked page of rows sorted by a key, and the headers that go with it; size 0 is all."""
    start = request.query.get("pageStart", "")
    size = _size(request, default_size)
    from_start = [row for row in rows if row[key] >= start]
    shown = from_start[:size] if size else from_start
    headers = {"X-Resource-Count": str(len(rows))} if request.query.get("count") == "true" else {}
    if len(shown) < len(from_start):
        headers["X-Next-Page-Start"] = str(from_start[len(shown)][key])
    return shown, headers


def _size(request: web.Request, default: int) -> int:
    try:
        return int(request.query.get("pageSize", default))
    except ValueError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_PARAMETERS", "pageSize must be a number") from exc
