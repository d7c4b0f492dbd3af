"""What a bucket is told about an object when it is written: its lock, and how the bucket encrypts it."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from runbook.domain.object_lock import ObjectLock

_LOCK_MODE = "ObjectLockMode"


@dataclass(frozen=True)
class ServerSideEncryption:
    """How the bucket is asked to encrypt: `AES256`, or `aws:kms` with a key of its own."""

    algorithm: str
    kms_key_id: str | None = None


@dataclass(frozen=True)
class WriteOptions:
    """What every object is written with, as far as it concerns it."""

    lock: ObjectLock | None = None
    encryption: ServerSideEncryption | None = None

    def of(self, key: str, now: datetime) -> dict[str, Any]:
        """Return the arguments for a put, a copy or the begin of a multipart upload."""
        options: dict[str, Any] = {}
        if self.lock and (until := self.lock.until(key, now)):
            options |= {_LOCK_MODE: self.lock.mode.upper(), "ObjectLockRetainUntilDate": until}
        if self.encryption:
            options["ServerSideEncryption"] = self.encryption.algorithm
        if self.encryption and self.encryption.kms_key_id:
            options["SSEKMSKeyId"] = self.encryption.kms_key_id
        return options


@runtime_checkable
class Particular(Protocol):
    """A target that is particular about how objects are written to it."""

    def write_options(self, name: str, /) -> dict[str, Any]:
        """Return the arguments for writing `name`."""


def options_for(target: object, name: str) -> dict[str, Any]:
    """Return the arguments for writing `name` to `target`, none where it is not particular."""
    return target.write_options(name) if isinstance(target, Particular) else {}


def is_locked(options: dict[str, Any]) -> bool:
    """Tell whether what is written so is locked."""
    return _LOCK_MODE in options


def checksum(body: bytes | bytearray, *, wanted: bool) -> dict[str, Any]:
    """Return what goes with bytes where it is wanted: S3 takes nothing without it that it is to lock."""
    if not wanted:
        return {}
    return {"ContentMD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}


def hides_md5(options: dict[str, Any]) -> bool:
    """Tell whether what is written so has an entity tag that is not its MD5."""
    return str(options.get("ServerSideEncryption", "")).startswith("aws:kms")
