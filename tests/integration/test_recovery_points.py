"""Recovery points in both kinds of vault: written, listed, verified, and every damage found."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.recovery import (
    INDEX,
    MANIFEST,
    METADATA,
    SIDECAR,
    Manifest,
    StoredPart,
    new_id,
    part_key,
)
from runbook.remote.encryption import generate_identity
from runbook.remote.image_index import read_index
from runbook.remote.recovery_points import list_points, load_point, publish, read_sidecar
from runbook.remote.recovery_verify import verify_part, verify_point
from runbook.remote.storage import S3Storage
from runbook.remote.vault import AlreadyThereError, NotThereError, Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.metadata_archive import digest_of, rows_of_image
from tests.fakes.stored_images import id_path, tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint
from tests.integration.taken_points import back_up

CONFIG, LAYERS = b"{}", [b"one" * 100, b"two" * 100]
ROWS = rows_of_image("org/app", "v1", CONFIG, LAYERS)
POINT = new_id(datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC), "0a1b2c3d")
IDENTITY, RECIPIENT = generate_identity()


@dataclass
class Kept:
    """A vault with one published point in it."""

    vault: Vault
    manifest: Manifest

    def key(self, name: str) -> str:
        return part_key("prod", self.manifest.id, name)

    def findings(self, *, full: bool = False) -> list[str]:
        return verify_point(self.vault, self.manifest, IDENTITY, full=full).findings


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(params=["file", "s3"])
def kept(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Kept:
    vault: Vault = FileVault(tmp_path)
    if request.param == "s3":
        vault = S3Vault(endpoint.client, endpoint.new_bucket())
    storage = S3Storage(endpoint.client, endpoint.new_bucket())
    for path, data in tree_of("org/app", {}, [CONFIG, *LAYERS]).items():
        storage.put_bytes(path, data)
    manifest = back_up(vault, storage, POINT, ROWS, RECIPIENT)
    publish(vault, manifest)
    return Kept(vault, manifest)


def test_the_listing_of_the_blobs_is_the_same_however_it_was_looked_at(kept: Kept) -> None:
    seen = {verify_point(kept.vault, kept.manifest, IDENTITY, full=full).listing for full in (True, False)}
    assert len(seen) == 1
    assert all(len(listing) == 12 for listing in seen)


@pytest.mark.parametrize("full", [False, True])
def test_an_intact_point_is_sound(kept: Kept, full: bool) -> None:
    report = verify_point(kept.vault, kept.manifest, IDENTITY, full=full)
    assert report.findings == []
    assert (report.objects, report.blobs) == (3, 3)


def test_a_point_is_listed_and_loaded_as_it_was_published(kept: Kept) -> None:
    (point,) = list_points(kept.vault, "prod")
    assert (point.id, point.verified, point.manifest) == (POINT, True, kept.manifest)
    assert load_point(kept.vault, "prod", POINT) == kept.manifest
    assert list_points(kept.vault, "other") == ()


def test_a_point_is_published_only_once(kept: Kept) -> None:
    with pytest.raises(AlreadyThereError):
        publish(kept.vault, replace(kept.manifest, tags=99))
    assert load_point(kept.vault, "prod", POINT).tags == 1


def test_a_point_whose_objects_are_not_there_is_not_published(kept: Kept) -> None:
    other = replace(kept.manifest, id=new_id(kept.manifest.created, "ffffffff"))
    with pytest.raises(MismatchError, match="is missing"):
        publish(kept.vault, other)
    with pytest.raises(NotThereError):
        load_point(kept.vault, "prod", other.id)


def test_an_unfinished_point_is_listed_with_its_problem(kept: Kept) -> None:
    kept.vault.put_bytes(part_key("prod", "20261123T010203Z-0a1b2c3d", METADATA), b"half")
    points = list_points(kept.vault, "prod")
    assert [point.verified for point in points] == [True, False]
    assert points[1].problem == "it was never finished: it has no manifest"


def test_a_damaged_manifest_is_listed_with_its_problem(kept: Kept) -> None:
    text = kept.vault.get_bytes(kept.key(MANIFEST))
    kept.vault.put_bytes(kept.key(MANIFEST), text.replace(b'"tags": 1', b'"tags": 2'))
    (point,) = list_points(kept.vault, "prod")
    assert (point.verified, "seal" in (point.problem or "")) == (False, True)


def test_a_manifest_in_the_wrong_folder_is_not_taken(kept: Kept) -> None:
    other = "20261123T010203Z-0a1b2c3d"
    kept.vault.put_bytes(part_key("prod", other, MANIFEST), kept.vault.get_bytes(kept.key(MANIFEST)))
    with pytest.raises(MismatchError, match=f"it is the manifest of prod/{POINT}"):
        load_point(kept.vault, "prod", other)


@pytest.mark.parametrize("name", [METADATA, INDEX, SIDECAR])
def test_one_changed_byte_anywhere_in_the_points_objects_is_found(kept: Kept, name: str) -> None:
    whole = kept.vault.get_bytes(kept.key(name))
    for place in (0, 30, 120, len(whole) // 2, len(whole) - 20, len(whole) - 1):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        kept.vault.put_bytes(kept.key(name), changed)
        assert any(finding.startswith(name) for finding in kept.findings()), place
    kept.vault.put_bytes(kept.key(name), whole)
    assert kept.findings() == []


@pytest.mark.parametrize("name", [METADATA, INDEX, SIDECAR])
def test_a_cut_or_missing_or_swapped_object_is_found(kept: Kept, name: str) -> None:
    whole = kept.vault.get_bytes(kept.key(name))
    kept.vault.put_bytes(kept.key(name), whole[:-10])
    assert kept.findings()
    kept.vault.put_bytes(kept.key(name), kept.vault.get_bytes(kept.key(INDEX if name != INDEX else SIDECAR)))
    assert kept.findings()
    kept.vault.delete(kept.key(name))
    assert kept.findings() == [f"{name}: there is no such object"]


def test_a_missing_or_cut_blob_is_found_by_the_listing(kept: Kept) -> None:
    keys = [entry.key for entry in read_index(kept.vault, kept.key(INDEX), IDENTITY) if entry.key]
    kept.vault.delete(f"prod/{keys[0]}")
    kept.vault.put_bytes(f"prod/{keys[1]}", b"x")
    missing, cut = kept.findings()
    assert missing == f"{keys[0]} is not in the vault"
    assert cut.startswith(f"{keys[1]} has 1 bytes in the vault")


def test_a_changed_byte_of_a_blob_is_found_by_a_full_verification(kept: Kept) -> None:
    key = "prod/" + next(
        entry.key for entry in read_index(kept.vault, kept.key(INDEX), IDENTITY) if entry.key
    )
    kept.vault.put_bytes(key, b"!" + kept.vault.get_bytes(key)[1:])
    quick_finds_it = isinstance(
        kept.vault, S3Vault
    )  # by its entity tag; a file's tag says nothing of its bytes
    assert bool(kept.findings()) is quick_finds_it
    assert len(kept.findings(full=True)) == 1


def test_id_named_blobs_are_hashed_against_the_metadata(endpoint: Endpoint, tmp_path: Path) -> None:
    storage = S3Storage(endpoint.client, endpoint.new_bucket())
    blobs = [{"sha256sum": digest_of(data), "id": f"{n}f-x"} for n, data in enumerate((CONFIG, *LAYERS))]
    for row, data in zip(blobs, (CONFIG, *LAYERS), strict=True):
        storage.put_bytes(id_path(row["id"]), data)
    vault = FileVault(tmp_path)
    kept = Kept(vault, back_up(vault, storage, POINT, {**ROWS, "blobs": blobs}, RECIPIENT))
    assert kept.findings(full=True) == []
    vault.put_bytes("prod/blobs/id/1f/1f-x", b"One" * 100)
    assert kept.findings() == []
    assert kept.findings(full=True)[0].startswith("blobs/id/1f/1f-x hashes to")


def test_the_sidecar_reads_back(kept: Kept) -> None:
    assert read_sidecar(kept.vault, "prod", POINT, IDENTITY) == {"version": "2.9.29"}
    with pytest.raises(MismatchError, match="cannot be decrypted"):
        read_sidecar(kept.vault, "prod", POINT, SecretStr(generate_identity()[0].get_secret_value()))


def test_a_part_is_read_back_against_what_was_written(kept: Kept) -> None:
    part = kept.manifest.objects[METADATA]
    verify_part(kept.vault, kept.key(METADATA), part, IDENTITY)
    with pytest.raises(MismatchError, match="it is not what its manifest names"):
        verify_part(kept.vault, kept.key(METADATA), StoredPart(1, "a", 2, "b"), IDENTITY)
