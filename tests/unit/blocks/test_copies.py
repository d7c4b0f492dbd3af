from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from blocks.settings import ClusterSettings
from runbook.domain.errors import InvalidConfigError, RefusedError
from tests.fakes.cluster_connection import EXAMPLE


def settings_with(tmp_path: Path, *copies: object, url: str = "s3://points") -> ClusterSettings:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["vault"] |= {"url": url, "copies": list(copies)}
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return RegistryCluster.from_file(path).settings


def problems_with(tmp_path: Path, *copies: object, **vault: str) -> str:
    with pytest.raises(InvalidConfigError) as invalid:
        settings_with(tmp_path, *copies, **vault)
    return invalid.value.what


def copy(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "url": url, **more}


def test_a_cluster_file_names_no_copies_or_several(tmp_path: Path) -> None:
    assert RegistryCluster.from_file(EXAMPLE).settings.vault.copies == []
    settings = settings_with(tmp_path, copy("offsite", "s3://other/prefix"), copy("usb", "file:///mnt/usb"))
    assert [seen.name for seen in settings.vault.copies] == ["offsite", "usb"]


def test_a_copy_that_is_the_vault_itself_is_refused(tmp_path: Path) -> None:
    assert problems_with(tmp_path, copy("offsite", "s3://points/")) == (
        "1 problem: vault.copies[0].url: s3://points is vault.url too; each copy has its own"
    )
    assert "file:///srv is vault.url too" in problems_with(
        tmp_path, copy("a", "file:///srv"), url="file:///srv"
    )


def test_two_copies_have_two_names_and_two_places(tmp_path: Path) -> None:
    what = problems_with(tmp_path, copy("a", "s3://one"), copy("a", "s3://one"))
    assert "vault.copies[1].name: a is vault.copies[0].name too" in what
    assert "vault.copies[1].url: s3://one is vault.copies[0].url too" in what


def test_a_bucket_of_the_same_name_at_another_endpoint_is_another_vault(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, copy("offsite", "s3://points", endpoint="https://s3.example.net"))
    assert settings.vault.copies[0].endpoint == "https://s3.example.net"


def test_what_is_wrong_in_a_copy_is_told_with_its_path(tmp_path: Path) -> None:
    what = problems_with(tmp_path, copy("Off Site", "ftp://x", access_key="hunter2"), "offsite", {})
    for path in (
        "copies[0].name",
        "copies[0].url",
        "copies[0].access_key",
        "copies[0].secret_key",
        "copies[1]",
    ):
        assert f"vault.{path}: " in what
    assert "hunter2" not in what


def test_a_copy_in_a_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    place = tmp_path / "mount"
    cluster = ClusterConnection(settings_with(tmp_path, copy("usb", f"file://{place}")))
    with pytest.raises(RefusedError, match="there is no such folder"):
        cluster.copy_vault("usb")
    place.mkdir()
    assert cluster.copy_vault("usb").where == f"file://{place}"
