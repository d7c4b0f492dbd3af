"""The version that this image plays, and what depends on it."""

import os

Version = tuple[int, int, int]

ONLINE_GC: Version = (2, 6, 0)
STORAGE_FLAG: Version = (2, 6, 0)
NFS_KEEPS_TAGS: Version = (2, 6, 4)
KEEP_METADATA_FLAG: Version = (2, 6, 6)
KEEPS_METADATA: Version = (2, 9, 0)
ONLINE_BACKUP_ROOT: Version = (2, 5, 0)
LONG_CLUSTER_NAME: Version = (2, 5, 0)
ACCESS_TOKENS: Version = (2, 5, 0)
IGNORE_SCAN_DATA: Version = (2, 9, 18)


def current() -> str:
    """Return the version of this image."""
    return os.environ["DTR_VERSION"]


def parse(text: str) -> Version:
    """Return the three numbers of a version."""
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def at_least(wanted: Version, text: str | None = None) -> bool:
    """Tell whether a version (by default this image's) is not older than the wanted one."""
    return parse(text or current()) >= wanted


def same_minor(one: str, other: str) -> bool:
    """Tell whether two versions share major and minor."""
    return parse(one)[:2] == parse(other)[:2]


def backup_root(offline: bool) -> str:
    """Return the name of the directory that a backup of this version holds."""
    online = at_least(ONLINE_BACKUP_ROOT) and not offline
    return f"dtr-backup-v{current()}{'-online' if online else ''}"
