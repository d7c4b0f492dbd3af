"""Service `garant`: gives bearer tokens to those whom the control plane knows."""

import re
from typing import Any

from aiohttp import web

from registry import permissions, properties, repositories, service, tokens
from registry.permissions import ANONYMOUS, Principal
from registry.service import CONTEXT
from registry.tables import Tables

_SCOPE = re.compile(r"(?P<type>repository|registry):(?P<name>[^:]+(?::\d+/[^:]+)?):(?P<actions>[a-z*,]+)")


async def _requested_by(request: web.Request) -> Principal:
    header = request.headers.get("Authorization")
    return await service.principal(request) if header else ANONYMOUS


async def _repository(request: web.Request, principal: Principal, name: str) -> dict[str, Any] | None:
    """Return the repository, created when a push may create it."""
    tables: Tables = request.app[CONTEXT].tables
    found = await tables.get("repositories", name)
    namespace, slash, short = name.partition("/")
    if found or not slash or not principal.name:
        return found
    settings = await tables.property(properties.SETTINGS) or {}
    accounts = await request.app[CONTEXT].accounts()
    if not settings.get("createRepositoryOnPush") or not await permissions.owns(
        accounts, principal, namespace
    ):
        return None
    row = repositories.new(namespace, short, {})
    await tables.add("repositories", row)
    return row


async def _granted(request: web.Request, principal: Principal, scope: re.Match[str]) -> set[str]:
    asked = set(scope["actions"].split(","))
    if scope["type"] == "registry":
        return asked if principal.is_admin else set()
    row = await _repository(request, principal, scope["name"])
    if row is None:
        return set()
    app_context = request.app[CONTEXT]
    level = await permissions.level(app_context.tables, await app_context.accounts(), principal, row)
    return asked & permissions.actions_of(level)


async def token(request: web.Request) -> web.Response:
    """Answer with a token for as much of the asked scopes as is allowed."""
    principal = await _requested_by(request)
    access = []
    for text in " ".join(request.query.getall("scope", [])).split():
        scope = _SCOPE.fullmatch(text)
        actions = await _granted(request, principal, scope) if scope else set()
        if scope and actions:
            access.append({"type": scope["type"], "name": scope["name"], "actions": sorted(actions)})
    issued = tokens.issue(await request.app[CONTEXT].signer(), principal.name, access)
    return web.json_response({"token": issued, "access_token": issued, "expires_in": tokens.LIFETIME})


async def ping(_: web.Request) -> web.Response:
    """Answer that the service runs."""
    return web.json_response({"Healthy": True})


def application() -> web.Application:
    """Return the service."""
    app = service.application()
    app.add_routes(
        [
            web.get("/_ping", ping),
            web.get("/auth/token", token),
            web.get("/auth/token/", token),
        ]
    )
    return app


if __name__ == "__main__":
    web.run_app(application(), port=service.PORT, access_log=None, print=None)
