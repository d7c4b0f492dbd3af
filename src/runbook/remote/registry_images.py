"""Images as they travel: built here for the canary and for samples, or pulled and proven."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runbook.domain.errors import MismatchError
from runbook.domain.metadata_rows import is_elsewhere

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES = (DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX)
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"  # json or prettyjws
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data: bytes) -> str:
    """Return the digest of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """A whole image: its manifest's text, and its blobs by digest."""

    manifest: bytes
    media_type: str
    blobs: Mapping[str, bytes]

    @cached_property
    def digest(self) -> str:
        """The digest by which it is pulled."""
        return digest_of(self.manifest)


class NotByDigestError(MismatchError):
    """The image may be sound, but its digest does not say so: it is not that of the manifest as it is sent."""


@dataclass(frozen=True)
class PulledImage:
    """What was pulled: every byte of it was hashed and is what its digest says."""

    digest: str
    media_type: str
    manifest: bytes
    blobs: Mapping[str, int]  # digest -> bytes, of the image and of all images of a list
    elsewhere: int = 0  # layers that no registry keeps

    @property
    def size(self) -> int:
        """Bytes of its blobs."""
        return sum(self.blobs.values())


@dataclass(frozen=True)
class Named:
    """What a manifest names: blobs (config and layers) with their sizes, and other manifests."""

    blobs: Mapping[str, int]
    manifests: tuple[str, ...]
    elsewhere: int  # layers that no registry keeps


def named_by(manifest: bytes) -> Named:
    """Return what a manifest or list names; a ValueError or KeyError says that it is none."""
    document = json.loads(manifest)
    layers = document.get("layers", ())
    blobs = [layer for layer in layers if not is_elsewhere(layer)]
    elsewhere = len(layers) - len(blobs)
    blobs += [document["config"]] if "config" in document else []
    children = tuple(child["digest"] for child in document.get("manifests", ()))
    return Named({blob["digest"]: blob["size"] for blob in blobs}, children, elsewhere)


def refuse_schema_1(where: str, media_type: str) -> None:
    """Raise NotByDigestError for a manifest of schema 1: its digest leaves out the signatures that are sent."""
    if media_type.startswith(_SCHEMA_1):
        what = "it is an image of schema 1, which cannot be verified by its digest"
        raise NotByDigestError(where, what, "pull it with an old client, or push it again with a newer one")


def build_image(layers: Sequence[bytes], *, labels: Mapping[str, str] | None = None) -> Image:
    """Return an image with a layer for each content, one file in it; equal contents give an equal image."""
    tars = [_layer_tar(number, content) for number, content in enumerate(layers)]
    packed = [gzip.compress(tar, compresslevel=1, mtime=0) for tar in tars]
    config = _config([digest_of(tar) for tar in tars], labels or {})
    manifest = _compact(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer) for layer in packed],
        }
    )
    return Image(manifest, DOCKER_MANIFEST, {digest_of(blob): blob for blob in [*packed, config]})


def _layer_tar(number: int, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo(f"layer-{number}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _config(diff_ids: list[str], labels: Mapping[str, str]) -> bytes:
    return _compact(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Labels": dict(labels)},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "runbook"} for _ in diff_ids],
        }
    )


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(data), "digest": digest_of(data)}


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
