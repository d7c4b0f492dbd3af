"""What the lifecycle commands of one release do otherwise than those of another (contract sections 1 and 2.2)."""

import pytest
from registry.bootstrapper import releases
from registry.bootstrapper.arguments import BadArgumentError, parse
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.storage_choice import new_place

OPTIONS = {"dtr_storage_volume": None, "nfs_storage_url": None, "nfs_options": None, "async_nfs": False}


@pytest.mark.parametrize(
    ("found", "wanted", "why"),
    [
        ("2.9.29", "2.9.29", ""),
        ("2.9.4", "2.9.29", ""),
        ("2.9.29", "2.10.4", ""),
        ("2.10.4", "2.9.29", "downgrade"),
        ("2.10.4", "2.10.1", "downgrade"),
        ("2.4.1", "2.9.29", "minor versions are skipped; upgrade to 2.5 first"),
        ("2.9.29", "3.1.0", "different product lines"),
    ],
)
def test_rule_30_an_upgrade_goes_up_and_skips_patches_alone(found: str, wanted: str, why: str) -> None:
    said = releases.why_no_upgrade(found, wanted)
    assert why in said
    assert bool(said) is bool(why)


@pytest.mark.parametrize(
    ("running", "has"),
    [
        ("2.4.1", False),
        ("2.6.12", False),
        ("2.6.13", True),
        ("2.7.0", False),
        ("2.7.6", True),
        ("2.9.29", True),
    ],
)
def test_rule_24_remove_checks_the_replica_and_may_be_forced_where_the_vendor_added_it(
    monkeypatch: pytest.MonkeyPatch, running: str, has: bool
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    assert releases.checks_what_is_removed() is has
    if has:
        assert parse(["remove", "--force"], {})[1]["force"] is True
        assert parse(["remove"], {"MSR_FORCE_REMOVE_REPLICA": "1"})[1]["force"] is True
        return
    with pytest.raises(BadArgumentError):
        parse(["remove", "--force"], {})


@pytest.mark.parametrize("name", ["DTR_REMOVE_REPLICA_IDS", "MSR_REMOVE_REPLICA_IDS"])
def test_rule_24_the_replicas_to_remove_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DTR_VERSION", "2.9.29")
    assert parse(["remove"], {name: "a,b"})[1]["replica_ids"] == "a,b"


@pytest.mark.parametrize(
    ("running", "flags", "erases"),
    [
        ("2.4.1", {}, False),
        ("2.6.0", {}, True),
        ("2.6.4", {"migrated": True}, False),
        ("2.8.1", {}, True),
        ("2.9.29", {}, False),
        ("2.9.29", {"reinitialize": True}, True),
    ],
)
def test_rule_16_whether_a_reconfiguration_erases_tags(
    monkeypatch: pytest.MonkeyPatch, running: str, flags: dict[str, bool], erases: bool
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    given = {"migrated": False, "reinitialize": False} | flags
    assert releases.erases_tags(**given) is erases


@pytest.mark.parametrize(
    ("running", "known", "unknown"),
    [
        ("2.6.3", (), ("--storage-migrated", "--reinitialize-storage")),
        ("2.8.1", ("--storage-migrated",), ("--reinitialize-storage",)),
        ("2.10.4", ("--reinitialize-storage",), ("--storage-migrated",)),
    ],
)
def test_rule_16_the_flag_of_a_storage_switch_changed_its_name(
    monkeypatch: pytest.MonkeyPatch, running: str, known: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DTR_VERSION", running)
    for flag in known:
        parse(["reconfigure", flag], {})
    for flag in unknown:
        with pytest.raises(BadArgumentError):
            parse(["reconfigure", flag], {})


def test_rule_27_emergency_repair_exists_since_2_5_and_is_confirmed_in_three_spellings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DTR_VERSION", "2.9.29")
    for flag in ("-y", "--y", "--yes"):
        assert parse(["emergency-repair", flag], {})[1]["yes"] is True
    monkeypatch.setenv("DTR_VERSION", "2.4.1")
    with pytest.raises(BadArgumentError):
        parse(["emergency-repair"], {})


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, None),
        ({"nfs_storage_url": ""}, {"storageVolume": "", "nfsHost": "", "nfsPath": ""}),
        (
            {"nfs_storage_url": "nfs://192.0.2.1/images"},
            {"storageVolume": "", "nfsHost": "192.0.2.1", "nfsPath": "/images"},
        ),
        ({"dtr_storage_volume": "shared"}, {"storageVolume": "shared", "nfsHost": "", "nfsPath": ""}),
    ],
)
def test_where_a_reconfiguration_puts_blobs(
    given: dict[str, str], place: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTR_VERSION", "2.9.29")
    assert new_place(OPTIONS | given) == place


def test_a_reconfiguration_takes_one_storage() -> None:
    with pytest.raises(FatalError):
        new_place(OPTIONS | {"nfs_storage_url": "nfs://192.0.2.1/images", "dtr_storage_volume": "shared"})
