"""Repositories: list, create, show, edit, delete."""

from http import HTTPStatus

from aiohttp import web

from registry import permissions, repositories, service
from registry.api import access
from registry.api.paging import page
from registry.permissions import Principal
from registry.service import CONTEXT, ApiError
from registry.tables import JsonRow

_PAGE = 10


async def list_repositories(request: web.Request) -> web.Response:
    """Answer with the repositories that the client may see, all or those of one namespace."""
    principal = await service.principal(request)
    namespace = request.match_info.get("namespace")
    prefix = f"{namespace}/" if namespace else ""
    rows = [row async for row in access.tables(request).rows("repositories", prefix)]
    seen = [row for row in rows if await access.level(request, principal, row)]
    shown, headers = page(request, seen, "pk", _PAGE)
    return web.json_response({"repositories": [repositories.shown(row) for row in shown]}, headers=headers)


async def create_repository(request: web.Request) -> web.Response:
    """Create a repository in a namespace that the client owns."""
    principal = await service.principal(request)
    given = await access.body(request)
    namespace, name = request.match_info["namespace"], given.get("name")
    _check_new(given)
    kind = await _namespace_type(request, principal, namespace)
    row = repositories.new(namespace, str(name), given | {"namespaceType": kind})
    if not await access.tables(request).add("repositories", row):
        raise ApiError(HTTPStatus.BAD_REQUEST, "REPOSITORY_EXISTS", "A repository with that name exists.")
    return web.json_response(repositories.shown(row), status=HTTPStatus.CREATED)


def _check_new(given: JsonRow) -> None:
    name = given.get("name")
    if not isinstance(name, str) or not repositories.valid_name(name):
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_REPOSITORY_NAME", f"{name!r} is no repository name")
    _check_values(given)


def _check_values(given: JsonRow) -> None:
    problem = repositories.problem(given)
    if problem:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_PARAMETERS", problem)


async def _namespace_type(request: web.Request, principal: Principal, namespace: str) -> str:
    """Return whether the namespace is a user's or an organization's; it must exist and be the client's."""
    if not (principal.is_admin or principal.name == namespace):
        raise ApiError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED", "The client is not authorized.")
    accounts = await request.app[CONTEXT].accounts()
    account = await accounts.account(principal.token, namespace) if principal.token else {}
    if account is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_ACCOUNT", f"An account {namespace} does not exist.")
    return "organization" if account.get("isOrg") else "user"


async def get_repository(request: web.Request) -> web.Response:
    """Answer with one repository."""
    return web.json_response(repositories.shown(await access.repository(request, "read-only")))


async def patch_repository(request: web.Request) -> web.Response:
    """Change what may be changed of a repository."""
    row = await access.repository(request, "admin")
    given = await access.body(request)
    _check_values(given)
    changed = repositories.edited(row, given)
    await access.tables(request).put("repositories", changed)
    return web.json_response(repositories.shown(changed))


async def delete_repository(request: web.Request) -> web.Response:
    """Delete a repository with its tags, manifests and permissions; blobs wait for garbage collection."""
    row = await access.repository(request, "admin")
    tables, key = access.tables(request), row["pk"]
    for table, prefix in (
        ("tags", f"{key}:"),
        ("manifests", f"{key}@"),
        ("blob_links", f"{key}@"),
        ("repository_team_access", f"{key}/"),
        ("pruning_policies", f"{key}/"),
    ):
        await tables.clear(table, prefix)
    await tables.delete("repositories", key)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def namespace_owner(request: web.Request) -> str:
    """Return the namespace of the path, for one who owns it."""
    principal = await service.principal(request)
    namespace = request.match_info["namespace"]
    accounts = await request.app[CONTEXT].accounts()
    if not await permissions.owns(accounts, principal, namespace):
        raise ApiError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED", "The client is not authorized.")
    return namespace


_ONE = "/api/v0/repositories/{namespace}/{name}"
ROUTES = [
    web.get("/api/v0/repositories", list_repositories),
    web.get("/api/v0/repositories/{namespace}", list_repositories),
    web.post("/api/v0/repositories/{namespace}", create_repository),
    web.get(_ONE, get_repository),
    web.patch(_ONE, patch_repository),
    web.delete(_ONE, delete_repository),
]
