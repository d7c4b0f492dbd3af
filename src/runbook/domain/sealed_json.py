"""Small documents of the vault as JSON with a seal, the SHA-256 of everything else in them: a changed byte is found.

They are read strictly; unknown fields of a known format version are passed over.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from runbook.domain.errors import RefusedError

T = TypeVar("T")


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return the document's stored form."""
    text = json.dumps({**document, "seal": seal_of(document)}, indent=2, sort_keys=True)
    return text.encode() + b"\n"


def unsealed(data: bytes, where: str, newest_format: int) -> Mapping[str, Any]:
    """Return the document that `data` is; a ValueError says why it is none, a newer format is refused."""
    document = json.loads(data)
    version = field_of(document, "format_version", int)
    if version > newest_format:
        what = f"it has format version {version}, this program reads up to {newest_format}"
        raise RefusedError(where, what, "use the newer version of this program")
    if document.pop("seal", None) != seal_of(document):
        raise ValueError("its seal does not match its content")
    return dict(document)


def seal_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def field_of(document: object, name: str, kind: type[T]) -> T:
    """Return the field if it is exactly of this kind; true is no number here."""
    if not isinstance(document, Mapping):
        raise ValueError(f"the part with {name!r} is not an object")
    value = document.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{name!r} is {value!r}, not {kind.__name__}")
    return value
