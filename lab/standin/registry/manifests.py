"""Image manifests and indexes: what they are and what they refer to."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from registry import clock
from registry.tables import JsonRow

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_IMAGES = (DOCKER_MANIFEST, OCI_MANIFEST)
_INDEXES = (DOCKER_LIST, OCI_INDEX)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class InvalidManifestError(ValueError):
    """A manifest that cannot be stored; the text says why."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, parsed."""

    digest: str
    media_type: str
    payload: bytes
    layers: tuple[JsonRow, ...]
    config: JsonRow | None
    children: tuple[str, ...]

    def blobs(self) -> tuple[JsonRow, ...]:
        """Return the descriptors of all blobs that it needs."""
        return (*self.layers, self.config) if self.config else self.layers

    def row(self, repository: str) -> JsonRow:
        """Return the row of table `manifests`."""
        return {
            "pk": f"{repository}@{self.digest}",
            "digest": self.digest,
            "repository": repository,
            "mediaType": self.media_type,
            "size": len(self.payload),
            "content": base64.b64encode(self.payload).decode(),
            "layers": list(self.layers),
            "configDigest": self.config["digest"] if self.config else "",
            "configSize": self.config["size"] if self.config else 0,
            "manifests": list(self.children),
            "createdAt": clock.now(),
        }


def is_digest(reference: str) -> bool:
    """Tell whether a reference is a digest; otherwise it is a tag."""
    return _DIGEST.fullmatch(reference) is not None


def payload_of(row: JsonRow) -> bytes:
    """Return the bytes of a stored manifest."""
    return base64.b64decode(row["content"])


def blobs_of(row: JsonRow) -> set[str]:
    """Return the digests of all blobs that a stored manifest needs."""
    found = {layer["digest"] for layer in row["layers"]}
    return found | {row["configDigest"]} if row["configDigest"] else found


def parse(payload: bytes, content_type: str) -> Manifest:
    """Return the manifest, or raise with what is wrong."""
    try:
        content = json.loads(payload)
    except ValueError as exc:
        raise InvalidManifestError("it is no JSON") from exc
    if not isinstance(content, dict):
        raise InvalidManifestError("it is no object")
    media_type = content_type if content_type in _IMAGES + _INDEXES else content.get("mediaType", "")
    digest = f"sha256:{hashlib.sha256(payload).hexdigest()}"
    if media_type in _INDEXES:
        children = tuple(_descriptor(item)["digest"] for item in _list(content, "manifests"))
        return Manifest(digest, media_type, payload, (), None, children)
    if media_type not in _IMAGES:
        raise InvalidManifestError(f"media type {media_type or content_type} is not supported")
    layers = tuple(_descriptor(item) for item in _list(content, "layers"))
    return Manifest(digest, media_type, payload, layers, _descriptor(content.get("config")), ())


def _list(content: dict[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    if not isinstance(value, list):
        raise InvalidManifestError(f"{key} is missing")
    return value


def _descriptor(item: Any) -> JsonRow:
    valid = (
        isinstance(item, dict)
        and is_digest(str(item.get("digest")))
        and isinstance(item.get("size"), int)
        and isinstance(item.get("mediaType"), str)
    )
    if not valid:
        raise InvalidManifestError(f"{item!r} is no descriptor")
    return {key: item[key] for key in ("mediaType", "size", "digest")}
