from dataclasses import replace

import pytest

from runbook.domain.metadata import ArchiveSummary, SizeBand, why_not_complete
from runbook.domain.versions import Version, archive_tables

VERSION = Version(2, 9, 29)
MEBIBYTE = 1024 * 1024
WHOLE = ArchiveSummary(
    sha256_plain="",
    sha256_stored="",
    bytes_plain=10 * MEBIBYTE,
    bytes_stored=1,
    root="dtr-backup-v2.9.29-online",
    tables=dict.fromkeys(archive_tables(VERSION), 1),
    ended_properly=True,
)


def test_a_whole_archive_has_no_fault() -> None:
    assert why_not_complete(WHOLE, VERSION) is None
    assert why_not_complete(replace(WHOLE, root="dtr-backup-v2.9.29"), VERSION) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bytes_plain": 0}, "the archive is empty"),
        (
            {"ended_properly": False},
            "the archive is cut off after 10485760 bytes: its two end blocks are missing",
        ),
        ({"trouble": ("tags/0: it is not JSON",)}, "1 members cannot be read: tags/0: it is not JSON"),
        ({"root": "dtr-backup-v2.9.2-online"}, "it is of version 2.9.2, the registry runs 2.9.29"),
        ({"root": "home"}, "its first folder is 'home', not dtr-backup-v2.9.29"),
        ({"tables": {"properties": 1}}, "it lacks the tables blob_links, blobs, "),
        (
            {"tables": WHOLE.tables | {"properties": 0}},
            "its table properties has no row: the registry's settings are not in it",
        ),
    ],
)
def test_each_fault_is_named(change: dict[str, object], reason: str) -> None:
    assert (why_not_complete(replace(WHOLE, **change), VERSION) or "").startswith(reason)


@pytest.mark.parametrize("table", archive_tables(VERSION))
def test_each_expected_table_is_missed(table: str) -> None:
    tables = {name: 1 for name in WHOLE.tables if name != table}
    assert why_not_complete(replace(WHOLE, tables=tables), VERSION) == f"it lacks the tables {table}"


def test_older_versions_have_fewer_tables() -> None:
    assert "blobs" not in archive_tables(Version(2, 5, 3))
    assert "blobs" in archive_tables(Version(2, 6, 0))
    assert "private_keys" not in archive_tables(Version(2, 8, 9))


@pytest.mark.parametrize(
    ("size", "previous", "wrong"),
    [
        (10 * MEBIBYTE, None, False),
        (10 * MEBIBYTE, 10 * MEBIBYTE, False),
        (5 * MEBIBYTE, 10 * MEBIBYTE, False),
        (5 * MEBIBYTE - 1, 10 * MEBIBYTE, True),
        (40 * MEBIBYTE, 10 * MEBIBYTE, False),
        (40 * MEBIBYTE + 1, 10 * MEBIBYTE, True),
        (1000, 1_000_000, False),  # too small to tell
    ],
)
def test_the_size_must_be_in_a_band_of_the_previous(size: int, previous: int | None, wrong: bool) -> None:
    reason = why_not_complete(replace(WHOLE, bytes_plain=size), VERSION, previous)
    assert (reason is not None) is wrong


def test_the_band_can_be_chosen() -> None:
    reason = why_not_complete(WHOLE, VERSION, 11 * MEBIBYTE, SizeBand(smallest=0.99))
    assert reason == "it has 10485760 bytes, less than 0.99 times the 11534336 bytes of the previous point"
