"""Versions of the registry, and what differs between them.

The bootstrapper's flags, the names of the garbage collection jobs and the probe's path changed over
time; each difference is one function here, so that nothing else compares versions.
"""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+][0-9A-Za-z.+-]+)?")


@dataclass(frozen=True, order=True)
class Version:
    """A registry version such as 2.9.29; versions compare by number."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """Render as the image tag has it."""
        return f"{self.major}.{self.minor}.{self.patch}"


def parse_version(text: str) -> Version:
    """Return the version that `text` spells; a ValueError says what is expected instead."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a version like 2.9.29")
    major, minor, patch = (int(part) for part in match.groups())
    return Version(major, minor, patch)


def knows_nocolor(version: Version) -> bool:
    """Tell whether the bootstrapper has `--nocolor` (2.9 and later)."""
    return version >= Version(2, 9, 0)


def knows_nfs_options(version: Version) -> bool:
    """Tell whether the bootstrapper takes mount options of a share (2.6.0 and later)."""
    return version >= Version(2, 6, 0)


def needs_storage_flag(version: Version) -> bool:
    """Tell whether `restore` demands exactly one storage flag (2.6.0 and later)."""
    return version >= Version(2, 6, 0)


def restore_over_nfs_erases_tags(version: Version) -> bool:
    """Tell whether `restore --nfs-storage-url` wipes every tag (2.6.0 to 2.6.3, and 2.5 in part)."""
    return Version(2, 5, 0) <= version < Version(2, 6, 4)


def garbage_collection_actions(version: Version) -> tuple[str, ...]:
    """Return the names of the jobs that delete image data or its metadata."""
    offline = ("gc",)
    online = ("onlinegc", "onlinegc_metadata", "onlinegc_blobs")
    if version < Version(2, 5, 0):
        return offline
    if version < Version(2, 6, 0):
        return offline + online
    return online


def probe_path(version: Version) -> str:
    """Return the path that a load balancer asks for a replica's health."""
    return "/health" if version < Version(2, 5, 0) else "/_ping"
