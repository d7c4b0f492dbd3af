"""Tags and manifests of a repository, as the API shows them."""

from http import HTTPStatus

from aiohttp import web

from registry.api import access
from registry.api.paging import page
from registry.service import ApiError
from registry.tables import JsonRow

_SHOWN = ("digest", "mediaType", "size", "layers", "configDigest", "createdAt")


def _manifest_shown(row: JsonRow | None) -> JsonRow:
    return {name: row[name] for name in _SHOWN} if row else {}


async def list_tags(request: web.Request) -> web.Response:
    """Answer with the tags of a repository, each with its manifest."""
    row = await access.repository(request, "read-only")
    tables = access.tables(request)
    tags = [tag async for tag in tables.rows("tags", f"{row['pk']}:")]
    shown, headers = page(request, tags, "name")
    return web.json_response(
        [_tag_shown(tag, await tables.get("manifests", tag["digestPK"])) for tag in shown], headers=headers
    )


def _tag_shown(tag: JsonRow, manifest: JsonRow | None) -> JsonRow:
    return {
        "name": tag["name"],
        "digest": tag["digest"],
        "author": tag["author"],
        "updatedAt": tag["updatedAt"],
        "createdAt": tag["createdAt"],
        "hashMismatch": False,
        "inNotary": False,
        "manifest": _manifest_shown(manifest),
    }


async def delete_tag(request: web.Request) -> web.Response:
    """Delete a tag; its image stays until garbage collection."""
    row = await access.repository(request, "read-write")
    tables, key = access.tables(request), f"{row['pk']}:{request.match_info['tag']}"
    if await tables.get("tags", key) is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_TAG", "A tag with that name does not exist.")
    await tables.delete("tags", key)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def list_manifests(request: web.Request) -> web.Response:
    """Answer with the manifests of a repository."""
    row = await access.repository(request, "read-only")
    manifests = [each async for each in access.tables(request).rows("manifests", f"{row['pk']}@")]
    shown, headers = page(request, manifests, "digest")
    return web.json_response([_manifest_shown(each) for each in shown], headers=headers)


async def delete_manifest(request: web.Request) -> web.Response:
    """Delete a manifest by digest together with the tags that name it."""
    row = await access.repository(request, "read-write")
    tables, digest = access.tables(request), request.match_info["digest"]
    key = f"{row['pk']}@{digest}"
    if await tables.get("manifests", key) is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "NO_SUCH_MANIFEST", "A manifest with that digest does not exist."
        )
    async for tag in tables.rows("tags", f"{row['pk']}:"):
        if tag["digest"] == digest:
            await tables.delete("tags", tag["pk"])
    await tables.delete("manifests", key)
    return web.Response(status=HTTPStatus.NO_CONTENT)


_ONE = "/api/v0/repositories/{namespace}/{name}"
ROUTES = [
    web.get(f"{_ONE}/tags", list_tags),
    web.delete(f"{_ONE}/tags/{{tag}}", delete_tag),
    web.get(f"{_ONE}/manifests", list_manifests),
    web.delete(f"{_ONE}/manifests/{{digest}}", delete_manifest),
]
