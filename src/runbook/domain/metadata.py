"""What a whole metadata archive must hold, and why one is not whole.

The bootstrapper's exit status proves nothing (contract, rule 12): an archive is judged by its end blocks, its
root folder, its tables and its size.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.domain.metadata_rows import References
from runbook.domain.versions import Version, archive_tables, parse_version

_ROOT = re.compile(r"dtr-backup-v(\d+\.\d+\.\d+)(-online)?")


@dataclass(frozen=True)
class SizeBand:
    """How far a size may be from the previous point's; below `floor` bytes sizes say nothing."""

    smallest: float = 0.5
    largest: float = 4.0
    floor: int = 1024 * 1024


@dataclass(frozen=True)
class ArchiveSummary:
    """What was seen while an archive went by."""

    sha256_plain: str
    sha256_stored: str
    bytes_plain: int
    bytes_stored: int
    root: str  # first folder, which names the version
    tables: Mapping[str, int]  # table -> rows
    ended_properly: bool  # the two end blocks were there, and nothing but padding after them
    trouble: tuple[str, ...] = ()  # members that could not be read
    references: References = field(default_factory=References)

    @property
    def version(self) -> Version | None:
        """The version that the root folder names."""
        match = _ROOT.fullmatch(self.root)
        return parse_version(match[1]) if match else None


def why_not_complete(
    summary: ArchiveSummary,
    version: Version,
    previous_size: int | None = None,
    band: SizeBand | None = None,
) -> str | None:
    """Say what is wrong with the archive, None when it is whole."""
    if summary.bytes_plain == 0:
        return "the archive is empty"
    if not summary.ended_properly:
        return f"the archive is cut off after {summary.bytes_plain} bytes: its two end blocks are missing"
    if summary.trouble:
        return f"{len(summary.trouble)} members cannot be read: {'; '.join(summary.trouble[:3])}"
    return (
        _why_wrong_version(summary, version)
        or _why_tables_missing(summary, version)
        or _why_odd_size(summary.bytes_plain, previous_size, band or SizeBand())
    )


def _why_wrong_version(summary: ArchiveSummary, version: Version) -> str | None:
    if summary.version is None:
        return f"its first folder is {summary.root!r}, not dtr-backup-v{version}"
    if summary.version != version:
        return f"it is of version {summary.version}, the registry runs {version}"
    return None


def _why_tables_missing(summary: ArchiveSummary, version: Version) -> str | None:
    missing = sorted(set(archive_tables(version)) - set(summary.tables))
    if missing:
        return f"it lacks the tables {', '.join(missing)}"
    if not summary.tables["properties"]:
        return "its table properties has no row: the registry's settings are not in it"
    return None


def _why_odd_size(size: int, previous: int | None, band: SizeBand) -> str | None:
    if previous is None or max(size, previous) < band.floor:
        return None
    if size < previous * band.smallest:
        return f"it has {size} bytes, less than {band.smallest:g} times the {previous} bytes of the previous point"
    if size > previous * band.largest:
        return f"it has {size} bytes, more than {band.largest:g} times the {previous} bytes of the previous point"
    return None
