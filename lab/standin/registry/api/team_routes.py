"""Access of teams to repositories and namespaces."""

from http import HTTPStatus

from aiohttp import web

from registry.api import access
from registry.api.repository_routes import namespace_owner
from registry.permissions import LEVELS
from registry.service import ApiError
from registry.tables import JsonRow


async def _subject(request: web.Request) -> tuple[str, str]:
    """Return the table and the key prefix of what the path names, for one who administers it."""
    if "name" in request.match_info:
        return "repository_team_access", (await access.repository(request, "admin"))["pk"]
    return "namespace_team_access", await namespace_owner(request)


async def list_access(request: web.Request) -> web.Response:
    """Answer with the teams that have access."""
    table, prefix = await _subject(request)
    rows = [row async for row in access.tables(request).rows(table, f"{prefix}/")]
    return web.json_response({"teamAccessList": [_shown(row) for row in rows]})


async def get_access(request: web.Request) -> web.Response:
    """Answer with the access of one team."""
    table, prefix = await _subject(request)
    row = await access.tables(request).get(table, f"{prefix}/{request.match_info['team']}")
    if row is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_TEAM", "That team has no access.")
    return web.json_response(_shown(row))


async def put_access(request: web.Request) -> web.Response:
    """Grant a team an access level."""
    table, prefix = await _subject(request)
    wanted = (await access.body(request)).get("accessLevel")
    if wanted not in LEVELS:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_ACCESS_LEVEL", f"accessLevel must be one of {LEVELS}")
    team, info = request.match_info["team"], request.match_info
    row = {"pk": f"{prefix}/{team}", "namespace": info["namespace"], "team": team, "accessLevel": wanted}
    if "name" in info:
        row["repository"] = info["name"]
    await access.tables(request).put(table, row)
    return web.json_response(_shown(row))


async def delete_access(request: web.Request) -> web.Response:
    """Take a team's access away."""
    table, prefix = await _subject(request)
    await access.tables(request).delete(table, f"{prefix}/{request.match_info['team']}")
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _shown(row: JsonRow) -> JsonRow:
    return {
        "accessLevel": row["accessLevel"],
        "team": {"name": row["team"], "orgName": row["namespace"]},
        "namespace": row["namespace"],
        **({"repository": row["repository"]} if "repository" in row else {}),
    }


ROUTES = []
for _base in (
    "/api/v0/repositories/{namespace}/{name}/teamAccess",
    "/api/v0/repositoryNamespaces/{namespace}/teamAccess",
):
    ROUTES += [
        web.get(_base, list_access),
        web.get(f"{_base}/{{team}}", get_access),
        web.put(f"{_base}/{{team}}", put_access),
        web.delete(f"{_base}/{{team}}", delete_access),
    ]
