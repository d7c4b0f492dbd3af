from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from runbook.domain.errors import InvalidConfigError
from runbook.remote.second_copy import PointCopy
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.published_points import IDENTITY, TREE, publish_point
from tests.fakes.vault_site import VaultSite


@pytest.fixture
def site(tmp_path: Path) -> VaultSite:
    return VaultSite(tmp_path, ("offsite", "usb"))


def points(site: VaultSite, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["points", *arguments, "--cluster", str(site.file)], env={"COLUMNS": "100"}
    )


def last_cells(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.strip().split("  ")[-1].strip() for line in result.stdout.splitlines() if "Z-" in line]


def copy(site: VaultSite, name: str, hour: int) -> None:
    manifest = publish_point(site.vault(), MemoryStorage(TREE), hour=hour)
    point = PointCopy(site.vault(), site.vault(name), manifest, IDENTITY)
    point.copy_blobs()
    point.copy_parts()
    point.publish()


def test_the_list_says_which_copies_hold_a_point(site: VaultSite) -> None:
    copy(site, "offsite", hour=1)
    publish_point(site.vault(), MemoryStorage(TREE), hour=2)
    assert last_cells(points(site, "list")) == ["offsite", "none"]


def test_a_copy_that_cannot_be_read_is_shown_as_such_and_the_list_is_there(site: VaultSite) -> None:
    copy(site, "offsite", hour=1)
    site.lose("usb")
    result = points(site, "list")
    assert last_cells(result) == ["offsite, usb?"]
    assert "copy usb cannot be read, so it is shown with `?`: file://" in result.stderr


def test_without_copies_the_column_is_empty(tmp_path: Path) -> None:
    alone = VaultSite(tmp_path)
    publish_point(alone.vault(), MemoryStorage(TREE))
    assert last_cells(points(alone, "list")) == ["-"]


def test_all_points_and_one_point_contradict_each_other(site: VaultSite) -> None:
    result = points(site, "copy", "2026", "--all")
    assert isinstance(result.exception, InvalidConfigError)


def test_an_export_says_that_it_is_not_encrypted(site: VaultSite, tmp_path: Path) -> None:
    manifest = publish_point(site.vault(), MemoryStorage(TREE))
    result = points(site, "export", manifest.id[:8], "--to", str(tmp_path / "plain"))
    assert result.exit_code == 0, result.output
    assert f"recovery point {manifest.id}: " in result.stdout
    assert "NOT ENCRYPTED: metadata.tar holds private keys" in result.stderr
    assert (tmp_path / "plain" / "README.txt").is_file()
