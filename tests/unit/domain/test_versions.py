import pytest

from runbook.domain.versions import (
    Version,
    garbage_collection_actions,
    knows_nocolor,
    needs_storage_flag,
    parse_version,
    probe_path,
    restore_over_nfs_erases_tags,
)


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
