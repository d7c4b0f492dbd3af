from pathlib import Path

import pytest

from runbook.domain.recovery import MANIFEST, part_key
from runbook.domain.second_copy import Wish
from tasks.copies import (
    check_copies,
    choose_points,
    copy_blobs,
    copy_parts,
    look_at_copy,
    publish_copy,
    verify_copy,
)
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.published_points import CLUSTER, TREE, publish_point
from tests.fakes.vault_site import VaultSite


@pytest.fixture
def site(tmp_path: Path) -> VaultSite:
    return VaultSite(tmp_path, ("offsite", "usb"))


def found(site: VaultSite) -> list[tuple[str, str, str]]:
    return [(str(f.level), f.where, f.what) for f in check_copies.fn(site.connection())]


def test_without_copies_or_points_nothing_is_found(tmp_path: Path, site: VaultSite) -> None:
    assert found(site) == []
    alone = VaultSite(tmp_path / "alone")
    publish_point(alone.vault(), MemoryStorage(TREE))
    assert found(alone) == []


def test_a_copy_without_the_newest_verified_point_is_a_warning(site: VaultSite) -> None:
    old = publish_point(site.vault(), MemoryStorage(TREE))
    fill(site, "offsite")
    assert found(site) == [
        ("ok", "copy offsite", f"holds the newest verified recovery point {old.id}"),
        ("warning", "copy usb", f"the newest verified recovery point {old.id} is not there"),
    ]
    new = publish_point(site.vault(), MemoryStorage(TREE), hour=2)
    assert {level for level, _, _ in found(site)} == {"warning"}
    site.vault().put_bytes(
        part_key(CLUSTER, new.id, MANIFEST), b"damaged"
    )  # what cannot be read is not newest
    assert [level for level, _, _ in found(site)] == ["ok", "warning"]


def test_a_copy_that_does_not_answer_is_a_warning_and_blocks_nothing(site: VaultSite) -> None:
    publish_point(site.vault(), MemoryStorage(TREE))
    site.lose("usb")
    assert ("warning", f"file://{site.folder}/usb", "there is no such folder") in found(site)
    site.lose("vault")
    assert found(site) == []  # the check of the vault says so


def test_a_copy_is_filled_step_by_step_and_then_needs_nothing(site: VaultSite) -> None:
    manifest = publish_point(site.vault(), MemoryStorage(TREE))
    (before,) = look_at_copy.fn(site.connection(), "offsite", (manifest,), Wish())
    assert before.action == "copy"
    fill(site, "offsite")
    (after,) = look_at_copy.fn(site.connection(), "offsite", (manifest,), Wish())
    assert after.action == "keep"


def fill(site: VaultSite, name: str) -> None:
    cluster = site.connection()
    (manifest,) = choose_points.fn(cluster, Wish())
    copied = copy_blobs.fn(cluster, name, manifest)
    copy_parts.fn(cluster, name, manifest)
    verify_copy.fn(cluster, name, manifest)
    assert "4 blobs copied" in publish_copy.fn(cluster, name, manifest, copied).reason
