"""Rows of the metadata's tables, read for what they refer to.

The proof needs tags, manifests and blobs, and of each no more than digests and sizes. A row may hold the manifest's
own text (`content` or `payload`: base64, JSON text, or an object); then that text decides, and must hash to its digest.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple

TABLES_READ = frozenset({"tags", "manifests", "blobs", "blob_links", "repositories"})
_NOT_STORED = ("foreign", "nondistributable")  # layers that a client fetches elsewhere
_PAYLOADS = ("content", "payload", "manifest")


class Descriptor(NamedTuple):
    """Something that a manifest names."""

    digest: str
    size: int | None


class Tag(NamedTuple):
    """A name that points to a manifest."""

    repository: str
    name: str
    digest: str

    @property
    def reference(self) -> str:
        """The tag as a user writes it."""
        return f"{self.repository}:{self.name}"


class ManifestContent(NamedTuple):
    """What one manifest refers to: blobs (config and layers), or other manifests."""

    blobs: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]


class BlobRow(NamedTuple):
    """Where the metadata says that a digest is kept."""

    identifier: str
    size: int | None


@dataclass
class References:
    """Everything that an archive's rows refer to, gathered row by row."""

    tags: list[Tag] = field(default_factory=list)
    manifests: dict[str, str] = field(default_factory=dict)  # `repository@digest` -> digest
    contents: dict[str, ManifestContent] = field(default_factory=dict)  # by digest
    blobs: dict[str, BlobRow] = field(default_factory=dict)  # by digest
    repositories: int = 0

    def add(self, table: str, data: bytes) -> None:
        """Take in one row; a ValueError says why it cannot be read."""
        row = json.loads(data)
        if not isinstance(row, dict):
            raise ValueError("it is not a JSON object")
        match table:
            case "tags":
                self.tags.append(_tag(row))
            case "manifests":
                self._add_manifest(row)
            case "blobs":
                self.blobs[_digest(row.get("sha256sum"))] = BlobRow(str(row.get("id") or ""), _size(row))
            case "repositories":
                self.repositories += 1

    def find_tag(self, reference: str) -> Tag | None:
        """Return the tag `ns/repo:name`."""
        return next((tag for tag in self.tags if tag.reference == reference), None)

    def _add_manifest(self, row: Mapping[str, Any]) -> None:
        digest = _digest(row.get("digest") or str(row.get("pk", "")).partition("@")[2])
        repository = str(row.get("pk", "")).partition("@")[0] or str(row.get("repository", ""))
        self.manifests[f"{repository}@{digest}"] = digest
        if digest not in self.contents:
            self.contents[digest] = _content(row, digest)


def _tag(row: Mapping[str, Any]) -> Tag:
    key = str(row.get("pk", ""))
    repository, _, name = key.rpartition(":")
    digest = row.get("digest") or str(row.get("digestPK", "")).partition("@")[2]
    name = str(row.get("name") or name)
    if not name:
        raise ValueError("it names no tag")
    return Tag(intern(repository or str(row.get("repository", ""))), name, _digest(digest))


def _content(row: Mapping[str, Any], digest: str) -> ManifestContent:
    text = _payload(row)
    if text is None:
        return _refers_to(row)
    if digest != f"sha256:{hashlib.sha256(text).hexdigest()}":
        raise ValueError(f"the manifest's text does not hash to {digest}")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("the manifest is not a JSON object")
    return _refers_to(document)


def _payload(row: Mapping[str, Any]) -> bytes | None:
    """Return the manifest's own text where the row holds it; an object is no text, for it cannot be hashed."""
    value = next((row[name] for name in _PAYLOADS if isinstance(row.get(name), str) and row[name]), None)
    if value is None:
        return None
    return value.encode() if value.lstrip().startswith("{") else base64.b64decode(value, validate=True)


def _refers_to(document: Mapping[str, Any]) -> ManifestContent:
    nested = next((document[name] for name in _PAYLOADS if isinstance(document.get(name), dict)), document)
    config = nested.get("config") or {"digest": nested.get("configDigest")}
    layers = nested.get("layers") or nested.get("fsLayers") or ()
    blobs = [config] if config.get("digest") else []
    blobs += [layer for layer in layers if not is_elsewhere(layer)]
    return ManifestContent(
        tuple(_descriptor(blob) for blob in blobs),
        tuple(_descriptor(child) for child in nested.get("manifests") or ()),
    )


def is_elsewhere(layer: Mapping[str, Any]) -> bool:
    """Tell whether a layer is one that no registry keeps: a client fetches it where its publisher put it."""
    return any(word in str(layer.get("mediaType", "")) for word in _NOT_STORED)


def _descriptor(value: Mapping[str, Any] | str) -> Descriptor:
    if isinstance(value, str):
        return Descriptor(_digest(value), None)
    return Descriptor(_digest(value.get("digest") or value.get("blobSum")), _size(value))


def _size(value: Mapping[str, Any]) -> int | None:
    size = value.get("size")
    return size if isinstance(size, int) and size > 0 else None


def _digest(value: object) -> str:
    """Return the digest with its prefix, one object in memory however often it is named."""
    text = str(value or "")
    hexadecimal = text.removeprefix("sha256:")
    if len(hexadecimal) != len("0" * 64) or not set(hexadecimal) <= set("0123456789abcdef"):
        raise ValueError(f"{text!r} is not a SHA-256 digest")
    return intern(f"sha256:{hexadecimal}")
