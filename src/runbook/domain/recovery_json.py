"""A recovery point's manifest as JSON, read back strictly.

The text carries a seal, the SHA-256 of everything else in it, so that a changed byte is found. A newer format
version is refused rather than half understood; unknown fields of the same version are passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from runbook.domain.errors import MismatchError
from runbook.domain.formats import refuse_newer
from runbook.domain.recovery import Canary, ImageTotals, Manifest, ProofNumbers, StoredPart
from runbook.domain.sealed_json import field_of as _get
from runbook.domain.sealed_json import seal_of as _seal

FORMAT_VERSION = 1


def manifest_to_json(manifest: Manifest) -> bytes:
    """Return the manifest's stored form."""
    document = {"format_version": FORMAT_VERSION, **asdict(manifest), "created": manifest.created.isoformat()}
    document["seal"] = _seal(document)
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def manifest_from_json(data: bytes, where: str) -> Manifest:
    """Return the manifest that `data` is; `where` names it in the error if it is none."""
    try:
        document = json.loads(data)
        version = _get(document, "format_version", int)
    except ValueError as exc:
        raise _damaged(where, str(exc)) from exc
    refuse_newer(where, "it", version, FORMAT_VERSION)
    try:
        if document.pop("seal", None) != _seal(document):
            raise ValueError("its seal does not match its content")
        return _manifest(document)
    except ValueError as exc:
        raise _damaged(where, str(exc)) from exc


def _damaged(where: str, what: str) -> MismatchError:
    return MismatchError(where, f"the manifest is damaged: {what}", "choose another recovery point")


def _manifest(document: Mapping[str, Any]) -> Manifest:
    return Manifest(
        cluster=_get(document, "cluster", str),
        id=_get(document, "id", str),
        created=datetime.fromisoformat(_get(document, "created", str)),
        verified=_get(document, "verified", bool),
        registry_version=_get(document, "registry_version", str),
        cluster_id=_get(document, "cluster_id", str),
        replica_id=_get(document, "replica_id", str),
        objects={name: _part(part) for name, part in _get(document, "objects", dict).items()},
        images=_images(_get(document, "images", dict)),
        proof=_proof(_get(document, "proof", dict)),
        tags=_get(document, "tags", int),
        repositories=_get(document, "repositories", int),
        canary=_canary(document.get("canary")),
        recipients=tuple(str(recipient) for recipient in _get(document, "recipients", list)),
        details={str(k): str(v) for k, v in _get(document, "details", dict).items()},
    )


def _part(document: object) -> StoredPart:
    return StoredPart(
        _get(document, "size", int),
        _get(document, "sha256", str),
        _get(document, "plain_size", int),
        _get(document, "plain_sha256", str),
    )


def _images(document: object) -> ImageTotals:
    return ImageTotals(
        _get(document, "layout", str),
        _get(document, "objects", int),
        _get(document, "blobs", int),
        _get(document, "bytes", int),
    )


def _proof(document: object) -> ProofNumbers:
    names = ("references", "missing", "orphans", "bytes")
    return ProofNumbers(*(_get(document, name, int) for name in names))


def _canary(document: object) -> Canary | None:
    if document is None:
        return None
    return Canary(_get(document, "reference", str), _get(document, "digest", str))
