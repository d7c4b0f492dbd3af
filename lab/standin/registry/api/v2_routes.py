"""Manifests, tags and the catalog of the Docker Registry API; they live in metadata."""

from http import HTTPStatus

from aiohttp import web

from registry import clock, manifests, properties
from registry.api import access, blob_check, v2_access
from registry.manifests import InvalidManifestError, Manifest
from registry.service import CONTEXT, ApiError
from registry.tables import JsonRow, Tables

_CATALOG_PAGE = 100
_MANIFEST_LIMIT = 4 << 20


async def _manifest_row(request: web.Request, name: str, reference: str) -> JsonRow:
    tables = access.tables(request)
    digest: str | None = reference
    if not manifests.is_digest(reference):
        tag = await tables.get("tags", f"{name}:{reference}")
        digest = tag["digest"] if tag else None
    row = await tables.get("manifests", f"{name}@{digest}") if digest else None
    if row is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", f"manifest unknown: {name} {reference}")
    return row


async def get_manifest(request: web.Request) -> web.Response:
    """Answer with a manifest (GET) or with its headers (HEAD)."""
    name, reference = request.match_info["name"], request.match_info["reference"]
    await v2_access.claims(request, "repository", name, "pull")
    row = await _manifest_row(request, name, reference)
    headers = {
        "Content-Type": row["mediaType"],
        "Docker-Content-Digest": row["digest"],
        "Docker-Distribution-Api-Version": "registry/2.0",
        "Etag": f'"{row["digest"]}"',
    }
    return web.Response(body=manifests.payload_of(row), headers=headers)


async def put_manifest(request: web.Request) -> web.Response:
    """Store a manifest whose blobs are there, and its tag."""
    name, reference = request.match_info["name"], request.match_info["reference"]
    claims = await v2_access.claims(request, "repository", name, "push")
    await _require_writable(access.tables(request))
    manifest = await _parsed(request, reference)
    running_in = request.app[CONTEXT]
    # the rows first: garbage collection leaves alone what was touched after it looked
    await blob_check.require_children(running_in, name, manifest)
    await blob_check.require_blobs(running_in, name, manifest)
    await blob_check.link_blobs(running_in, name, manifest)
    await blob_check.require_blobs(running_in, name, manifest)
    await running_in.tables.put("manifests", manifest.row(name))
    if not manifests.is_digest(reference):
        await _put_tag(running_in.tables, name, reference, manifest, claims.subject)
    headers = {
        "Docker-Content-Digest": manifest.digest,
        "Location": f"/v2/{name}/manifests/{manifest.digest}",
    }
    return web.Response(status=HTTPStatus.CREATED, headers=headers)


async def _require_writable(tables: Tables) -> None:
    settings = await tables.property(properties.SETTINGS) or {}
    if settings.get("readOnlyRegistry"):
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "the registry is in read-only mode")


async def _parsed(request: web.Request, reference: str) -> Manifest:
    payload = await request.read()
    try:
        if len(payload) > _MANIFEST_LIMIT:
            raise InvalidManifestError("it is larger than 4 MiB")
        manifest = manifests.parse(payload, request.content_type)
    except InvalidManifestError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "MANIFEST_INVALID", f"manifest invalid: {exc}") from exc
    if manifests.is_digest(reference) and reference != manifest.digest:
        raise ApiError(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", f"the manifest is {manifest.digest}")
    return manifest


async def _put_tag(tables: Tables, repository: str, tag: str, manifest: Manifest, author: str) -> None:
    before = await tables.get("tags", f"{repository}:{tag}")
    row = {
        "pk": f"{repository}:{tag}", "repository": repository, "name": tag, "digest": manifest.digest,
        "digestPK": f"{repository}@{manifest.digest}", "author": author, "updatedAt": clock.now(),
        "createdAt": before["createdAt"] if before else clock.now(),
    }  # fmt: skip
    await tables.put("tags", row)


async def delete_manifest(request: web.Request) -> web.Response:
    """Delete a manifest by digest, with its tags."""
    name, reference = request.match_info["name"], request.match_info["reference"]
    await v2_access.claims(request, "repository", name, "delete")
    tables = access.tables(request)
    await _require_writable(tables)
    if not manifests.is_digest(reference):
        raise ApiError(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", "delete by digest")
    row = await _manifest_row(request, name, reference)
    async for tag in tables.rows("tags", f"{name}:"):
        if tag["digest"] == reference:
            await tables.delete("tags", tag["pk"])
    await tables.delete("manifests", row["pk"])
    return web.Response(status=HTTPStatus.ACCEPTED)


async def list_tags(request: web.Request) -> web.Response:
    """Answer with the tags of a repository."""
    name = request.match_info["name"]
    await v2_access.claims(request, "repository", name, "pull")
    tables = access.tables(request)
    if await tables.get("repositories", name) is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", f"repository name not known: {name}")
    tags = [row["name"] async for row in tables.rows("tags", f"{name}:")]
    return web.json_response({"name": name, "tags": tags})


async def catalog(request: web.Request) -> web.Response:
    """Answer with a page of repository names, for administrators."""
    await v2_access.claims(request, "registry", "catalog", "*")
    size, last = int(request.query.get("n", str(_CATALOG_PAGE))), request.query.get("last", "")
    rows = [row["pk"] async for row in access.tables(request).rows("repositories")]
    rest = [name for name in rows if name > last]
    headers = {}
    if len(rest) > size > 0:
        headers["Link"] = f'</v2/_catalog?n={size}&last={rest[size - 1]}>; rel="next"'
    return web.json_response({"repositories": rest[:size]}, headers=headers)


_MANIFEST = "/v2/{name:.+}/manifests/{reference}"
ROUTES = [
    web.get("/v2/_catalog", catalog),
    web.get("/v2/{name:.+}/tags/list", list_tags),
    web.get(_MANIFEST, get_manifest),  # HEAD too
    web.put(_MANIFEST, put_manifest),
    web.delete(_MANIFEST, delete_manifest),
]
