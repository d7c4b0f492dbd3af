"""Access tokens of a user, and pruning policies of a repository."""

import secrets
import uuid
from http import HTTPStatus

from aiohttp import web

from registry import clock, service
from registry.api import access
from registry.credentials import hashed
from registry.permissions import Principal
from registry.service import ApiError
from registry.tables import JsonRow


async def _asked_account(request: web.Request) -> tuple[Principal, str]:
    """Return who asks and whose tokens it is about."""
    principal = await service.principal(request)
    account = request.query.get("username", principal.name)
    if account != principal.name and not principal.is_admin:
        raise ApiError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED", "The client is not authorized.")
    return principal, account


async def list_tokens(request: web.Request) -> web.Response:
    """Answer with a user's tokens, without what they are."""
    _, account = await _asked_account(request)
    rows = [row async for row in access.tables(request).rows("client_tokens")]
    return web.json_response([_shown(row) for row in rows if row["account"] == account])


async def post_token(request: web.Request) -> web.Response:
    """Create a token; this answer alone shows it."""
    principal, account = await _asked_account(request)
    given = await access.body(request)
    token = str(uuid.UUID(bytes=secrets.token_bytes(16)))
    row = {
        "hashedToken": hashed(token), "account": account, "tokenLabel": str(given.get("tokenLabel", "")),
        "isActive": True, "isAdmin": principal.is_admin and account == principal.name,
        "createdAt": clock.now(), "creatorUA": request.headers.get("User-Agent", ""),
    }  # fmt: skip
    await access.tables(request).put("client_tokens", row)
    return web.json_response(_shown(row) | {"token": token}, status=HTTPStatus.CREATED)


async def delete_token(request: web.Request) -> web.Response:
    """Delete one of a user's tokens."""
    _, account = await _asked_account(request)
    tables, key = access.tables(request), request.match_info["hashed"]
    row = await tables.get("client_tokens", key)
    if row is None or row["account"] != account:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_TOKEN", "That token does not exist.")
    await tables.delete("client_tokens", key)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _shown(row: JsonRow) -> JsonRow:
    return {name: row[name] for name in ("hashedToken", "tokenLabel", "isActive", "createdAt", "creatorUA")}


async def list_policies(request: web.Request) -> web.Response:
    """Answer with the pruning policies of a repository."""
    row = await access.repository(request, "admin")
    found = access.tables(request).rows("pruning_policies", f"{row['pk']}/")
    return web.json_response([policy async for policy in found])


async def post_policy(request: web.Request) -> web.Response:
    """Add a pruning policy."""
    row = await access.repository(request, "admin")
    given = await access.body(request)
    rules = given.get("rules")
    if not isinstance(rules, list) or not all(
        {"field", "operator", "values"} <= rule.keys() for rule in rules
    ):
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_RULES", "rules need field, operator and values")
    policy_id = str(uuid.uuid4())
    policy = {
        "pk": f"{row['pk']}/{policy_id}", "id": policy_id, "repository": row["pk"],
        "enabled": bool(given.get("enabled", True)), "rules": rules,
    }  # fmt: skip
    await access.tables(request).put("pruning_policies", policy)
    return web.json_response(policy, status=HTTPStatus.CREATED)


async def delete_policy(request: web.Request) -> web.Response:
    """Delete a pruning policy."""
    row = await access.repository(request, "admin")
    await access.tables(request).delete("pruning_policies", f"{row['pk']}/{request.match_info['policy']}")
    return web.Response(status=HTTPStatus.NO_CONTENT)


_POLICIES = "/api/v0/repositories/{namespace}/{name}/pruningPolicies"
ROUTES = [
    web.get("/api/v0/api_tokens", list_tokens),
    web.post("/api/v0/api_tokens", post_token),
    web.delete("/api/v0/api_tokens/{hashed}", delete_token),
    web.get(_POLICIES, list_policies),
    web.post(_POLICIES, post_policy),
    web.delete(f"{_POLICIES}/{{policy}}", delete_policy),
]
