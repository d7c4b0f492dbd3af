"""Bearer authentication of the Docker Registry API."""

from http import HTTPStatus

from aiohttp import web

from registry import names, tokens
from registry.service import CONTEXT, ApiError
from registry.tokens import Claims


async def claims(request: web.Request, kind: str, name: str, action: str) -> Claims:
    """Return the claims of a token that allows the action; others get a challenge."""
    scope = f"{kind}:{name}:{action}"
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ")
    signer = await request.app[CONTEXT].signer()
    known = tokens.check(signer, token) if token != header else None
    if known is None:
        raise _refusal(request, HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", scope)
    if not known.allows(kind, name, action):
        raise _refusal(request, HTTPStatus.UNAUTHORIZED, "DENIED", scope)
    return known


def _refusal(request: web.Request, status: HTTPStatus, code: str, scope: str) -> ApiError:
    realm = f"https://{request.host}/auth/token"
    challenge = f'Bearer realm="{realm}",service="{names.TOKEN_SERVICE}",scope="{scope}"'
    text = "requested access to the resource is denied"
    return ApiError(status, code, text, {"WWW-Authenticate": challenge})
