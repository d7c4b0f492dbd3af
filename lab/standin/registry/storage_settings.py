"""Storage settings: what the API takes, and the Distribution configuration that follows from them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from registry import names

REGISTRY_PORT = 5000
TOKEN_CERTIFICATE = "/tmp/token-signing.pem"  # only this container's
CLOUD = ("s3",)
_S3_KEYS = ("rootdirectory", "accesskey", "secretkey", "region", "regionendpoint", "bucket", "secure")
_S3_OPTIONAL = ("v4auth", "skipverify", "encrypt", "chunksize", "storageclass")

Document = dict[str, Any]


class InvalidStorageError(ValueError):
    """Storage settings that cannot be saved; the text says why."""


@dataclass(frozen=True)
class RegistrySettings:
    """All that the configuration of a replica's registry follows from."""

    document: Document
    http_secret: str
    read_only: bool


def validated(document: Document) -> Document:
    """Return the settings as they are stored, or raise with the first problem."""
    storage = document.get("storage")
    if not isinstance(storage, dict):
        raise InvalidStorageError("storage is missing")
    backends = [name for name in ("filesystem", *CLOUD) if name in storage]
    if len(backends) != 1:
        raise InvalidStorageError("exactly one of filesystem and s3 is needed")
    if "s3" in storage:
        _check_s3(storage["s3"])
    kept = {name: storage[name] for name in ("delete", "maintenance", "redirect") if name in storage}
    return {"version": "0.1", "storage": {"delete": {"enabled": True}, **kept, **_backend(storage)}}


def _backend(storage: Document) -> Document:
    if "filesystem" in storage:
        return {"filesystem": {"rootdirectory": "/storage"}}
    return {"s3": dict(storage["s3"])}


def _check_s3(s3: Any) -> None:
    if not isinstance(s3, dict):
        raise InvalidStorageError("s3 must be an object")
    for name in ("bucket", "region"):
        if not s3.get(name):
            raise InvalidStorageError(f"s3.{name} is missing")
    for name in s3:
        if name not in _S3_KEYS + _S3_OPTIONAL:
            raise InvalidStorageError(f"s3.{name} is unknown")


def backend_of(document: Document) -> str:
    """Return `s3` or `filesystem`."""
    return next(name for name in ("s3", "filesystem") if name in document["storage"])


def same_place(one: Document, other: Document) -> bool:
    """Tell whether two settings keep blobs in the same place."""
    return _place(one) == _place(other)


def _place(document: Document) -> tuple[Any, ...]:
    backend = backend_of(document)
    settings = document["storage"][backend]
    keys = ("bucket", "regionendpoint", "rootdirectory") if backend == "s3" else ()
    return (backend, *(settings.get(key) or "" for key in keys))


def distribution_config(settings: RegistrySettings) -> Document:
    """Return the configuration of Distribution. JSON is YAML, so it is written as JSON."""
    storage = dict(settings.document["storage"])
    asked = storage.pop("maintenance", {}).get("readonly", {}).get("enabled", False)
    storage["maintenance"] = {
        "uploadpurging": {"enabled": False},
        "readonly": {"enabled": bool(asked) or settings.read_only},
    }
    auth = {
        "autoredirect": True,  # the token service is at the host that the client asked
        "realm": "https://localhost/auth/token",
        "service": names.TOKEN_SERVICE,
        "issuer": names.TOKEN_ISSUER,
        "rootcertbundle": TOKEN_CERTIFICATE,
    }
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": storage,
        "http": {
            "addr": f":{REGISTRY_PORT}",
            "secret": settings.http_secret,
            "relativeurls": True,
        },
        "auth": {"token": auth},
        "health": {"storagedriver": {"enabled": True, "interval": "5s", "threshold": 3}},
    }


def digest_of(settings: RegistrySettings) -> str:
    """Return a fingerprint of the configuration, which tells whether a replica runs with it."""
    text = json.dumps(distribution_config(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
