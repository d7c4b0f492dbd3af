from pathlib import Path

import pytest

from runbook.domain.versions import (
    TABLE,
    Row,
    Topic,
    Version,
    archive_tables,
    garbage_collection_actions,
    image_repository,
    is_covered,
    knows,
    knows_nocolor,
    needs_storage_flag,
    parse_version,
    probe_path,
    restore_over_nfs_erases_tags,
    told,
)

PAGE = Path(__file__).parents[3] / "docs" / "versions.md"
WALK = (
    "2.4.1", "2.5.0", "2.5.3", "2.6.0", "2.6.1", "2.6.2", "2.6.3", "2.6.4", "2.6.13", "2.7.5", "2.7.6", "2.8.0",
    "2.8.9", "2.9.0", "2.9.18", "2.9.29", "2.10.0", "2.10.4",
)  # fmt: skip
ONE_OF_A_KIND = (
    Topic.IMAGE, Topic.REPLICA_ID, Topic.STORAGE_CHANGE, Topic.LAYOUT, Topic.PROBE,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.9.29", Version(2, 9, 29)),
        ("v2.10.4", Version(2, 10, 4)),
        (" 2.4.1\n", Version(2, 4, 1)),
        ("2.7.0-tp2", Version(2, 7, 0)),
    ],
)
def test_a_version_is_read_whole(text: str, version: Version) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "latest", "2.9", "2.9.x", "2.9.29.1", "2.9.29 beta"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        parse_version(text)


def test_versions_compare_by_number() -> None:
    assert Version(2, 10, 1) > Version(2, 9, 29)
    assert str(Version(2, 10, 1)) == "2.10.1"


@pytest.mark.parametrize(
    ("version", "nocolor", "storage_flag", "nfs_erases", "probe"),
    [
        ("2.4.1", False, False, False, "/health"),
        ("2.5.0", False, False, True, "/_ping"),
        ("2.6.0", False, True, True, "/_ping"),
        ("2.6.3", False, True, True, "/_ping"),
        ("2.6.4", False, True, False, "/_ping"),
        ("2.8.9", False, True, False, "/_ping"),
        ("2.9.0", True, True, False, "/_ping"),
        ("2.10.4", True, True, False, "/_ping"),
    ],
)
def test_each_version_has_its_own_ways(
    version: str, nocolor: bool, storage_flag: bool, nfs_erases: bool, probe: str
) -> None:
    parsed = parse_version(version)
    assert knows_nocolor(parsed) is nocolor
    assert needs_storage_flag(parsed) is storage_flag
    assert restore_over_nfs_erases_tags(parsed) is nfs_erases
    assert probe_path(parsed) == probe


def test_garbage_collection_changed_its_name() -> None:
    assert garbage_collection_actions(Version(2, 4, 1)) == ("gc",)
    assert set(garbage_collection_actions(Version(2, 5, 3))) > {"gc", "onlinegc"}
    assert "gc" not in garbage_collection_actions(Version(2, 9, 29))


@pytest.mark.parametrize("version", WALK)
def test_the_table_covers_every_version_of_the_contract_without_a_gap_or_a_contradiction(
    version: str,
) -> None:
    parsed = parse_version(version)
    assert is_covered(parsed)
    assert {topic: len(told(topic, parsed)) for topic in ONE_OF_A_KIND} == dict.fromkeys(ONE_OF_A_KIND, 1)
    assert {"properties", "tags"} <= set(archive_tables(parsed))
    assert garbage_collection_actions(parsed)


@pytest.mark.parametrize("version", ["2.3.9", "2.11.0", "3.1.0", "1.0.0"])
def test_other_versions_are_said_not_to_be_covered(version: str) -> None:
    assert not is_covered(parse_version(version))


@pytest.mark.parametrize(
    ("flag", "last_without", "first_with"),
    [
        ("--offline-backup", "2.4.1", "2.5.0"),
        ("--dtr-use-default-storage", "2.5.3", "2.6.0"),
        ("--nfs-options", "2.5.3", "2.6.0"),
        ("--storage-migrated", "2.6.3", "2.6.4"),
        ("--force", "2.6.12", "2.6.13"),
        ("--force", "2.7.5", "2.7.6"),
        ("--nocolor", "2.8.9", "2.9.0"),
        ("--max-wait", "2.8.9", "2.9.0"),
        ("--reinitialize-storage", "2.8.9", "2.9.0"),
        ("--ignore-scan-data", "2.9.17", "2.9.18"),
    ],
)
def test_a_flag_is_known_since_its_version(flag: str, last_without: str, first_with: str) -> None:
    assert not knows(parse_version(last_without), flag)
    assert knows(parse_version(first_with), flag)


def test_a_flag_that_went_is_known_no_more() -> None:
    assert knows(Version(2, 8, 9), "--storage-migrated")
    assert not knows(Version(2, 9, 0), "--storage-migrated")


@pytest.mark.parametrize(
    ("version", "image", "replica_id", "layout", "after_a_change"),
    [
        ("2.4.1", "docker/dtr", "DTR_REPLICA_ID", "standard", "a job rebuilds tags"),
        ("2.6.3", "docker/dtr", "DTR_REPLICA_ID", "id-named", "every tag is erased"),
        (
            "2.7.6",
            "docker/dtr",
            "DTR_REPLICA_ID",
            "id-named",
            "every tag is erased without --storage-migrated",
        ),
        (
            "2.8.0",
            "mirantis/dtr",
            "DTR_REPLICA_ID",
            "id-named",
            "every tag is erased without --storage-migrated",
        ),
        ("2.9.29", "mirantis/dtr", "MSR_REPLICA_ID", "id-named", "tags stay, and an exact copy is demanded"),
        ("2.10.4", "msr/dtr", "MSR_REPLICA_ID", "id-named", "tags stay, and an exact copy is demanded"),
    ],
)
def test_names_and_ways_by_version(
    version: str, image: str, replica_id: str, layout: str, after_a_change: str
) -> None:
    parsed = parse_version(version)
    assert image_repository(parsed) == image
    assert told(Topic.REPLICA_ID, parsed) == (replica_id,)
    assert told(Topic.LAYOUT, parsed) == (layout,)
    assert told(Topic.STORAGE_CHANGE, parsed) == (after_a_change,)


def test_every_row_has_its_ground_and_a_range_that_is_not_empty() -> None:
    for row in TABLE:
        assert row.ground
        assert row.since is None or row.until is None or row.since < row.until


def test_the_page_shows_the_table_row_by_row() -> None:
    shown = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert shown[2:] == [as_row(row) for row in TABLE]


def as_row(row: Row) -> str:
    what = ", ".join(f"`{name}`" if " " not in name else name for name in row.what)
    return f"| {row.topic} | {what} | {row.since or ''} | {row.until or ''} | {row.ground} |"
