"""Who may use an endpoint, and what its body holds."""

import json
from http import HTTPStatus
from typing import Any

from aiohttp import web

from registry import permissions, service
from registry.permissions import Principal
from registry.service import CONTEXT, ApiError
from registry.tables import JsonRow, Tables


def tables(request: web.Request) -> Tables:
    """Return the tables of this replica's database."""
    found: Tables = request.app[CONTEXT].tables
    return found


async def administrator(request: web.Request) -> Principal:
    """Return the administrator who asks; others are refused."""
    principal = await service.principal(request)
    if not principal.is_admin:
        raise ApiError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED", "The client is not authorized.")
    return principal


async def level(request: web.Request, principal: Principal, repository: JsonRow) -> str | None:
    """Return the access that somebody has to a repository."""
    accounts = await request.app[CONTEXT].accounts()
    return await permissions.level(tables(request), accounts, principal, repository)


async def repository(request: web.Request, wanted: str) -> JsonRow:
    """Return the repository that the path names, for one who has the wanted access to it."""
    principal = await service.principal(request)
    row = await tables(request).get(
        "repositories", f"{request.match_info['namespace']}/{request.match_info['name']}"
    )
    found = await level(request, principal, row) if row else None
    if row is None or found is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "NO_SUCH_REPOSITORY", "A repository with that name does not exist."
        )
    if not permissions.covers(found, wanted):
        raise ApiError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED", "The client is not authorized.")
    return row


async def body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    if request.content_type != "application/json":
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "application/json is needed"
        )
    try:
        content = json.loads(await request.read())
    except ValueError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_JSON", str(exc)) from exc
    if not isinstance(content, dict):
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_JSON", "an object is needed")
    return content
