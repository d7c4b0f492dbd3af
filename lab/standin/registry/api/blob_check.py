"""Whether the blobs that a manifest names are there and belong to its repository."""

import asyncio
from http import HTTPStatus
from typing import Any

import aiohttp

from registry import names, tokens
from registry.manifests import Manifest
from registry.replica_context import Context
from registry.service import ApiError


async def require_blobs(running_in: Context, repository: str, manifest: Manifest) -> None:
    """Pass when every blob of the manifest is stored and linked to the repository."""
    access = [{"type": "repository", "name": repository, "actions": ["pull"]}]
    token = tokens.issue(await running_in.signer(), "dtr-api", access)
    digests = list(dict.fromkeys(blob["digest"] for blob in manifest.blobs()))
    known = await asyncio.gather(*(_is_there(running_in, repository, each, token) for each in digests))
    missing = [digest for digest, there in zip(digests, known, strict=True) if not there]
    if missing:
        raise ApiError(
            HTTPStatus.NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {missing[0]}"
        )


async def require_children(running_in: Context, repository: str, manifest: Manifest) -> None:
    """Pass when every manifest that an index names is stored in the repository."""
    for digest in manifest.children:
        if await running_in.tables.get("manifests", f"{repository}@{digest}") is None:
            raise ApiError(HTTPStatus.BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", f"manifest unknown: {digest}")


async def _is_there(running_in: Context, repository: str, digest: str, token: str) -> bool:
    url = f"http://{names.container('registry', running_in.replica)}:5000/v2/{repository}/blobs/{digest}"
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with running_in.session.head(url, headers=headers, allow_redirects=False) as answer:
            if answer.status < HTTPStatus.BAD_REQUEST:
                return True
    except aiohttp.ClientError as exc:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", f"registry: {exc}") from exc
    return await running_in.tables.get("blob_links", f"{repository}@{digest}") is not None


async def link_blobs(running_in: Context, repository: str, manifest: Manifest) -> None:
    """Leave every blob of the manifest known and linked; garbage collection sees the fresh rows."""
    namespace, _, name = repository.partition("/")
    for blob in manifest.blobs():
        digest = blob["digest"]
        plain = digest.removeprefix("sha256:")
        rows: tuple[tuple[str, dict[str, Any]], ...] = (
            ("blobs", {"sha256sum": plain, "id": plain, "mediaType": blob["mediaType"], "size": blob["size"]}),
            ("blob_links", {"pk": f"{repository}@{digest}", "digest": digest, "namespace": namespace,
                            "repository": name}),
        )  # fmt: skip
        for table, row in rows:
            await running_in.tables.put(table, row)
