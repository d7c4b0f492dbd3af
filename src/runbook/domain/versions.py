"""Versions of the registry, and the one table of what differs between them.

A row says what is there since a version and until the one that has it no more, and on what ground that is
believed. The functions below read the table; nothing else compares versions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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


class Topic(StrEnum):
    """What a row of the table is about."""

    IMAGE = "image repository"
    COMMAND = "bootstrapper command"
    FLAG = "bootstrapper flag"
    REPLICA_ID = "environment name of a replica's id"
    RESTORE_RULE = "rule of restore"
    STORAGE_CHANGE = "after a change of storage"
    LAYOUT = "blob layout"
    COLLECTION = "garbage collection job"
    PROBE = "health probe"
    ARCHIVE_ROOT = "first folder of a metadata archive"
    TABLES = "tables of a metadata archive"
    WORDING = "end of a join's log"


@dataclass(frozen=True)
class Row:
    """What versions from `since` up to, and without, `until` have in common; None leaves that end open."""

    topic: Topic
    what: tuple[str, ...]
    since: Version | None
    until: Version | None
    ground: str

    def holds_for(self, version: Version) -> bool:
        """Tell whether `version` is in the row's range."""
        return (self.since is None or version >= self.since) and (self.until is None or version < self.until)


ONE_STORAGE_FLAG = "exactly one storage flag is mandatory"
NFS_ERASES_TAGS = "--nfs-storage-url erases every tag"


def _row(topic: Topic, what: str | tuple[str, ...], since: str, until: str, ground: str) -> Row:
    says = (what,) if isinstance(what, str) else what
    return Row(topic, says, _end(since), _end(until), ground)


def _end(text: str) -> Version | None:
    return parse_version(text) if text else None


TABLE: tuple[Row, ...] = (
    _row(Topic.IMAGE, "docker/dtr", "", "2.8.0", "documented"),
    _row(Topic.IMAGE, "mirantis/dtr", "2.8.0", "2.10.0", "documented"),
    _row(Topic.IMAGE, "msr/dtr", "2.10.0", "", "documented; in the vendor's own registry"),
    _row(Topic.COMMAND, "emergency-repair", "2.5.0", "", "release notes"),
    _row(Topic.FLAG, "--offline-backup", "2.5.0", "", "command reference of 2.5"),
    _row(Topic.FLAG, "--dtr-use-default-storage", "2.6.0", "", "release notes"),
    _row(Topic.FLAG, ("--nfs-options", "--async-nfs"), "2.6.0", "", "release notes"),
    _row(Topic.FLAG, "--storage-migrated", "2.6.4", "2.9.0", "release notes"),
    _row(Topic.FLAG, "--reinitialize-storage", "2.9.0", "", "documented"),
    _row(Topic.FLAG, "--force", "2.6.13", "2.7.0", "release notes, of remove"),
    _row(Topic.FLAG, "--force", "2.7.6", "", "release notes, of remove"),
    _row(Topic.FLAG, "--enable-client-cert-auth", "2.7.0", "", "command reference of 2.7"),
    _row(Topic.FLAG, "--custom-ca-cert-bundle", "2.8.0", "", "command reference of 2.8"),
    _row(Topic.FLAG, "--nocolor", "2.9.0", "", "pages of 2.9 and 2.10, not those of 2.7"),
    _row(Topic.FLAG, "--max-wait", "2.9.0", "", "pages of 2.9, not those of 2.8"),
    _row(Topic.FLAG, "--ignore-scan-data", "2.9.18", "", "release notes, of backup"),
    _row(Topic.REPLICA_ID, "DTR_REPLICA_ID", "", "2.9.0", "documented"),
    _row(Topic.REPLICA_ID, "MSR_REPLICA_ID", "2.9.0", "", "pages print it; ids are passed as flags, as it is doubtful"),
    _row(Topic.RESTORE_RULE, ONE_STORAGE_FLAG, "2.6.0", "", "release notes"),
    _row(Topic.RESTORE_RULE, NFS_ERASES_TAGS, "2.5.0", "2.6.4", "documented; of 2.5 with online collection"),
    _row(Topic.STORAGE_CHANGE, "a job rebuilds tags", "", "2.5.0", "documented; of 2.5 without online collection too"),
    _row(Topic.STORAGE_CHANGE, "every tag is erased", "2.5.0", "2.6.4", "release notes"),
    _row(Topic.STORAGE_CHANGE, "every tag is erased without --storage-migrated", "2.6.4", "2.9.0", "release notes"),
    _row(Topic.STORAGE_CHANGE, "tags stay, and an exact copy is demanded", "2.9.0", "", "documented"),
    _row(Topic.LAYOUT, "standard", "", "2.6.0", "inferred from scripts"),
    _row(Topic.LAYOUT, "id-named", "2.6.0", "", "observed; older blobs may lie beside them"),
    _row(Topic.COLLECTION, "gc", "", "2.6.0", "documented"),
    _row(Topic.COLLECTION, ("onlinegc", "onlinegc_metadata", "onlinegc_blobs"), "2.5.0", "", "documented"),
    _row(Topic.PROBE, "/health", "", "2.5.0", "page of 2.4, observed"),
    _row(Topic.PROBE, "/_ping", "2.5.0", "", "documented"),
    _row(Topic.ARCHIVE_ROOT, "dtr-backup-v<version>", "", "", "documented"),
    _row(Topic.ARCHIVE_ROOT, "dtr-backup-v<version>-online", "2.9.0", "", "observed with 2.9.4; both are accepted"),
    _row(
        Topic.TABLES,
        ("properties", "repositories", "tags", "namespace_team_access", "repository_team_access"),
        "", "", "inferred: without them nothing is there",
    ),
    _row(Topic.TABLES, ("manifests", "blobs", "blob_links", "crons"), "2.6.0", "", "observed with 2.9.4"),
    _row(  # without those that may be left out or rebuilt: scans, events, metrics
        Topic.TABLES,
        (
            "client_tokens", "poll_mirroring_policies", "promotion_policies", "content_caches", "webhooks",
            "tuf_files", "helm_charts", "pruning_policies", "push_mirroring_policies", "user_settings",
            "private_keys",
        ),
        "2.9.0", "", "observed with 2.9.4",
    ),
    _row(Topic.WORDING, "… replicas in your DTR cluster", "", "", "observed with 2.4.1; both are read"),
    _row(Topic.WORDING, "… replicas in your Docker Trusted Registry cluster", "", "", "observed up to 2.7"),
)  # fmt: skip
"""What differs between versions. The pages and the tests show it; docs/versions.md has it whole."""
COVERED = (Version(2, 4, 0), Version(2, 11, 0))
"""The versions that the table covers: from the first, up to and without the second."""
_CONTROL_PLANE_BACKUP_WITHOUT_DOWNTIME = Version(3, 2, 0)


def told(topic: Topic, version: Version) -> tuple[str, ...]:
    """Return all that the table says of this topic and version, in the order of its rows."""
    rows = (row for row in TABLE if row.topic is topic and row.holds_for(version))
    return tuple(what for row in rows for what in row.what)


def is_covered(version: Version) -> bool:
    """Tell whether the table was written for this version."""
    return COVERED[0] <= version < COVERED[1]


def knows(version: Version, flag: str) -> bool:
    """Tell whether the bootstrapper of this version has the flag."""
    return flag in told(Topic.FLAG, version)


def knows_nocolor(version: Version) -> bool:
    """Tell whether the bootstrapper has `--nocolor`."""
    return knows(version, "--nocolor")


def knows_nfs_options(version: Version) -> bool:
    """Tell whether the bootstrapper takes mount options of a share."""
    return knows(version, "--nfs-options")


def needs_storage_flag(version: Version) -> bool:
    """Tell whether `restore` demands exactly one storage flag."""
    return ONE_STORAGE_FLAG in told(Topic.RESTORE_RULE, version)


def restore_over_nfs_erases_tags(version: Version) -> bool:
    """Tell whether `restore --nfs-storage-url` wipes every tag."""
    return NFS_ERASES_TAGS in told(Topic.RESTORE_RULE, version)


def garbage_collection_actions(version: Version) -> tuple[str, ...]:
    """Return the names of the jobs that delete image data or its metadata."""
    return told(Topic.COLLECTION, version)


def probe_path(version: Version) -> str:
    """Return the path that a load balancer asks for a replica's health."""
    return told(Topic.PROBE, version)[0]


def archive_tables(version: Version) -> tuple[str, ...]:
    """Return the tables without which a metadata archive of this version cannot bring a registry back."""
    return told(Topic.TABLES, version)


def image_repository(version: Version) -> str:
    """Return the path under which the vendor publishes this version; a site's own copy may be called otherwise."""
    return told(Topic.IMAGE, version)[0]


def backs_up_without_downtime(control_plane: Version) -> bool:
    """Tell whether a control plane of this version (not a registry's) goes on while it is backed up."""
    return control_plane >= _CONTROL_PLANE_BACKUP_WITHOUT_DOWNTIME


def oldest(texts: Sequence[str]) -> str | None:
    """Return the oldest version that a replica's containers name: one that is half replaced is of the old one.

    What is no version is passed over.
    """
    return min((text for text in texts if _VERSION.fullmatch(text)), key=parse_version, default=None)


def is_downgrade(running: Version, wanted: Version) -> bool:
    """Tell whether `wanted` is older than what runs."""
    return wanted < running


def minors_between(running: Version, wanted: Version) -> Sequence[str]:
    """Return the minor versions that lie between two of the same major, such as `2.8.x`."""
    return [f"{running.major}.{minor}.x" for minor in range(running.minor + 1, wanted.minor)]
