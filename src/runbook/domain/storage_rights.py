"""The rights on a bucket that the vendor's manual asks for, and what it means to lack one."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from runbook.domain.findings import Finding, Level, ok


class StorageRight(StrEnum):
    """A right of the registry's keys, as a policy spells it."""

    LIST_BUCKETS = "s3:ListAllMyBuckets"
    LIST = "s3:ListBucket"
    LOCATION = "s3:GetBucketLocation"
    UPLOADS = "s3:ListBucketMultipartUploads"
    PUT = "s3:PutObject"
    GET = "s3:GetObject"
    DELETE = "s3:DeleteObject"


_ASKED_FOR_ALONE = {StorageRight.LIST_BUCKETS, StorageRight.LOCATION}
"""What the manual names and no image needs."""
_ALL = ", ".join(StorageRight)


def judge_rights(where: str, seen: Mapping[StorageRight, bool], *, own_keys: bool) -> Iterator[Finding]:
    """Yield what is lacking; a right that is not in `seen` could not be tried there."""
    lacking = [right for right in StorageRight if not seen.get(right, True)]
    whose = "the registry's keys" if own_keys else "this machine's own credentials"
    for level in (Level.BLOCKS, Level.WARNING):
        if found := [right for right in lacking if (right in _ASKED_FOR_ALONE) is (level is Level.WARNING)]:
            what = f"{whose} lack {', '.join(found)}"
            yield Finding(level, where, what, f"permit what the registry needs: {_ALL}")
    if not lacking:
        elsewhere = (
            "" if own_keys else "; the registry's nodes use their own, which cannot be tried from here"
        )
        yield ok(where, f"an object was written, read back and deleted with {whose}{elsewhere}")
