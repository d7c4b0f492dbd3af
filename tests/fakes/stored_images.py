"""Trees of a registry's storage, as Distribution writes them."""

import hashlib
from collections.abc import Iterable

ROOT = "docker/registry/v2"


def hexadecimal(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def blob_path(data: bytes) -> str:
    name = hexadecimal(data)
    return f"{ROOT}/blobs/sha256/{name[:2]}/{name}/data"


def id_path(identifier: str) -> str:
    return f"{ROOT}/blobs/id/{identifier[:2]}/{identifier}/data"


def tree_of(repository: str, tags: dict[str, list[bytes]], layers: Iterable[bytes]) -> dict[str, bytes]:
    """Return a repository with its layers, and for each tag its revisions, the last of which is current."""
    base = f"{ROOT}/repositories/{repository}"
    tree: dict[str, bytes] = {}
    for layer in layers:
        tree[blob_path(layer)] = layer
        tree[f"{base}/_layers/sha256/{hexadecimal(layer)}/link"] = link(layer)
    for tag, revisions in tags.items():
        for revision in revisions:
            name = hexadecimal(revision)
            tree[blob_path(revision)] = revision
            tree[f"{base}/_manifests/revisions/sha256/{name}/link"] = link(revision)
            tree[f"{base}/_manifests/tags/{tag}/index/sha256/{name}/link"] = link(revision)
        tree[f"{base}/_manifests/tags/{tag}/current/link"] = link(revisions[-1])
    return tree


def link(content: bytes) -> bytes:
    return f"sha256:{hexadecimal(content)}".encode()
