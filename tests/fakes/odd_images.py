"""Images that are sound, and that a digest or a pull says less of than of others."""

import json
from dataclasses import replace

from runbook.remote.registry_images import Image, build_image, digest_of

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def windows_image() -> tuple[str, Image]:
    """Return the digest of a layer that no registry keeps, and an image that has it below its own layer."""
    own = build_image([b"own"])
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "size": 1_000_000,
        "digest": digest_of(b"windows"),
        "urls": ["https://publisher.example/windows"],
    }
    document = json.loads(own.manifest)
    document["layers"].insert(0, foreign)
    return str(foreign["digest"]), replace(own, manifest=json.dumps(document).encode())


def signed_manifest(content: bytes) -> tuple[str, tuple[str, bytes]]:
    """Return the digest of a manifest of schema 1, and its media type and text as a registry sends it."""
    return digest_of(content), (SCHEMA_1, content + b', "signatures": []}')
