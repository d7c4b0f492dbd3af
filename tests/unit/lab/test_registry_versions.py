"""What differs between versions (contract sections 1 and 2.2)."""

import pytest
from registry import jobs, properties, version
from registry.api.storage_routes import keeps_metadata
from registry.bootstrapper import storage_choice
from registry.bootstrapper.join import closing_lines


@pytest.mark.parametrize(
    ("running", "keep", "kept"),
    [
        ("2.6.3", True, False),
        ("2.6.4", True, False),
        ("2.6.6", True, True),
        ("2.6.6", None, False),
        ("2.8.1", None, False),
        ("2.9.29", None, True),
        ("2.9.29", False, False),
    ],
)
def test_rule_16_whether_tags_survive_a_change_of_storage(
    monkeypatch: pytest.MonkeyPatch, running: str, keep: bool | None, kept: bool
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    assert keeps_metadata(keep) is kept


@pytest.mark.parametrize(
    ("running", "wipes"), [("2.5.9", False), ("2.6.0", True), ("2.6.3", True), ("2.6.4", False)]
)
def test_rule_16_a_restore_onto_nfs_wiped_tags_in_some_versions(
    monkeypatch: pytest.MonkeyPatch, running: str, wipes: bool
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    assert storage_choice.wipes_tags_on_nfs() is wipes


@pytest.mark.parametrize(
    ("running", "count", "lines"),
    [
        ("2.9.29", 3, ["There are currently 3 replicas in your Docker Trusted Registry cluster"]),
        (
            "2.4.1",
            2,
            [
                "There are currently 2 replicas in your DTR cluster",
                "You have an even number of replicas which can impact availability",
                "It is recommended that you have 3, 5 or 7 replicas in your cluster",
            ],
        ),
    ],
)
def test_rule_22_the_closing_lines_of_a_join(
    monkeypatch: pytest.MonkeyPatch, running: str, count: int, lines: list[str]
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    assert closing_lines(count) == lines


@pytest.mark.parametrize(
    ("running", "offline", "root"),
    [
        ("2.9.29", False, "dtr-backup-v2.9.29-online"),
        ("2.9.29", True, "dtr-backup-v2.9.29"),
        ("2.4.1", False, "dtr-backup-v2.4.1"),
    ],
)
def test_rule_11_the_root_of_an_archive(
    monkeypatch: pytest.MonkeyPatch, running: str, offline: bool, root: str
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    assert version.backup_root(offline) == root


def test_rule_15_garbage_collection_has_another_name_since_it_is_online(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for running, action in (("2.4.1", "gc"), ("2.6.0", "onlinegc")):
        monkeypatch.setenv("DTR_VERSION", running)
        assert action in jobs.actions()
        assert properties.default_crons()[0]["action"] == action
