"""Recovery points in a second vault: whole there or no points at all, whatever cuts the copy short."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.recovery import INDEX, MANIFEST, METADATA, Manifest, blobs_prefix, part_key
from runbook.domain.second_copy import Copied
from runbook.remote.blob_seal import AsStored, BlobSeal
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.image_index import read_index
from runbook.remote.recovery_points import list_points
from runbook.remote.recovery_verify import verify_point
from runbook.remote.s3 import connect
from runbook.remote.second_copy import PointCopy
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.failing_vault import CrashError, Dies, FailingVault, ReadOnlyVault
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.metadata_archive import digest_of
from tests.fakes.published_points import (
    CLUSTER,
    CONFIG,
    IDENTITY,
    LAYERS,
    RECIPIENT,
    ROWS,
    TREE,
    publish_point,
)
from tests.fakes.stored_images import id_path
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

BLOBS = 4
WRITES = BLOBS + 4 + 1  # blobs, the point's own objects, its manifest
PART_OF_LATER = "control-plane.tar.zst.age"
ONE_AFTER_ANOTHER = CopyLimits(workers=1, window=1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@dataclass
class Site:
    """A vault with one point in it, which must stay as it is, and an empty vault elsewhere."""

    source: Vault
    target: Vault
    manifest: Manifest

    def copy(self, target: Vault | None = None, limits: CopyLimits | None = None) -> Copied:
        """Copy as the flow does, step by step."""
        point = PointCopy(self.source, target or self.target, self.manifest, IDENTITY)
        done = point.copy_blobs(limits)
        point.copy_parts()
        point.verify()
        point.publish()
        return done

    def key(self, name: str) -> str:
        return part_key(CLUSTER, self.manifest.id, name)

    def blob(self, data: bytes) -> str:
        index = read_index(self.source, self.key(INDEX), IDENTITY)
        return f"{CLUSTER}/" + next(e.key for e in index if e.key and TREE[e.path] == data)


def content(vault: Vault) -> dict[str, bytes]:
    return {seen.key: vault.get_bytes(seen.key) for seen in vault.list("")}


def points_in(vault: Vault) -> list[str]:
    return [point.id for point in list_points(vault, CLUSTER) if point.verified]


def bucket(endpoint: Endpoint) -> S3Vault:
    return S3Vault(endpoint.client, endpoint.new_bucket(), "vault")


def folder(path: Path) -> FileVault:
    path.mkdir()
    return FileVault(path)


Makers = dict[str, Callable[[], Site]]


@pytest.fixture
def makers(endpoint: Endpoint, elsewhere: Endpoint, tmp_path: Path) -> Makers:
    return {
        "folder to folder": lambda: filled(folder(tmp_path / "a"), folder(tmp_path / "b")),
        "by the server": lambda: filled(bucket(endpoint), bucket(endpoint)),
        "to another site": lambda: filled(bucket(endpoint), bucket(elsewhere)),
        "folder to bucket": lambda: filled(folder(tmp_path / "a"), bucket(endpoint)),
        "bucket to folder": lambda: filled(bucket(endpoint), folder(tmp_path / "b")),
    }


@pytest.fixture(
    params=["folder to folder", "by the server", "to another site", "folder to bucket", "bucket to folder"]
)
def any_site(request: pytest.FixtureRequest, makers: Makers) -> Site:
    return makers[request.param]()


@pytest.fixture(params=["folder to folder", "by the server"])
def site(request: pytest.FixtureRequest, makers: Makers) -> Site:
    return makers[request.param]()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A vault for tests that only read from it."""
    path = tmp_path_factory.mktemp("kept")
    return filled(folder(path / "a"), folder(path / "b"))


@pytest.fixture
def folders(tmp_path: Path) -> Site:
    return filled(folder(tmp_path / "a"), folder(tmp_path / "b"))


def filled(source: Vault, target: Vault) -> Site:
    return Site(
        source, target, publish_point(source, MemoryStorage(TREE), more={PART_OF_LATER: b"later" * 99})
    )


def test_a_copied_point_is_the_same_point_there_and_its_images_restore_from_there(any_site: Site) -> None:
    before = content(any_site.source)
    done = any_site.copy()
    assert (done.copied, done.kept) == (BLOBS, 0)
    assert content(any_site.target) == content(any_site.source) == before
    for key in before:  # the first any_site is lost
        any_site.source.delete(key)
    (point,) = list_points(any_site.target, CLUSTER)
    assert point.manifest == any_site.manifest
    assert verify_point(any_site.target, any_site.manifest, IDENTITY, full=True).findings == []
    storage = MemoryStorage()
    restore_blobs(
        read_index(any_site.target, any_site.key(INDEX), IDENTITY), any_site.target, CLUSTER, storage
    )
    assert storage.objects == TREE


def test_a_second_copy_of_the_same_point_writes_nothing(site: Site) -> None:
    site.copy()
    before = [tuple(seen) for seen in site.target.list("")]
    assert site.copy() == Copied(0, 0, BLOBS)
    assert [tuple(seen) for seen in site.target.list("")] == before


@pytest.mark.parametrize("dies", list(Dies))
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_copy_that_died_at_any_write_left_nothing_half_and_is_finished_by_another(
    kept: Site, tmp_path: Path, number: int, dies: Dies
) -> None:
    whole = content(kept.source)
    site = Site(ReadOnlyVault(kept.source), folder(tmp_path / "b"), kept.manifest)
    with pytest.raises(CrashError):
        site.copy(FailingVault(site.target, number, dies), ONE_AFTER_ANOTHER)
    left = content(site.target)
    assert left.items() <= whole.items()
    assert len(left) == number - (dies is Dies.HALFWAY)
    assert points_in(site.target) == ([site.manifest.id] if len(left) == len(whole) else [])
    done = site.copy(FailingVault(site.target, 0, dies))
    assert done.copied == max(0, BLOBS - len(left))
    assert content(site.target) == content(kept.source) == whole


@pytest.mark.parametrize("number", [1, BLOBS])
def test_a_copy_by_the_server_that_died_is_finished_by_another(endpoint: Endpoint, number: int) -> None:
    client, calls = connect(endpoint.settings), []

    def die(model: Any, **_: Any) -> None:
        calls.append(model.name)
        if len(calls) == number:
            raise CrashError(model.name)

    buckets = filled(bucket(endpoint), S3Vault(client, endpoint.new_bucket()))
    client.meta.events.register("before-call.s3.CopyObject", die)
    with pytest.raises(CrashError):
        buckets.copy(limits=ONE_AFTER_ANOTHER)
    assert points_in(buckets.target) == []
    assert buckets.copy().kept >= number - 1
    assert content(buckets.target) == content(buckets.source)


def test_nothing_is_copied_but_the_point(folders: Site) -> None:
    only_this = content(folders.source)
    for key in (
        "locks/cluster.json",
        "holds/garbage-collection.json",
        "restores/unfinished",
        "blobs/id/aa/aa",
    ):
        folders.source.put_bytes(f"{CLUSTER}/{key}", b"state")
    publish_point(folders.source, MemoryStorage(TREE), hour=2)
    folders.copy()
    assert content(folders.target) == only_this


def test_a_copy_by_the_server_costs_a_listing_and_a_request_for_each_blob_that_is_missing(
    endpoint: Endpoint,
) -> None:
    client = endpoint.count(connect(endpoint.settings))
    buckets = filled(bucket(endpoint), S3Vault(client, endpoint.new_bucket()))
    kept = buckets.blob(LAYERS[0])
    buckets.target.put_bytes(kept, LAYERS[0])
    endpoint.requests.clear()
    PointCopy(buckets.source, buckets.target, buckets.manifest, IDENTITY).copy_blobs()
    cost = {name: endpoint.requests.count(name) for name in endpoint.requests}
    # the large object that no path explains is kept under its digest, so it is asked for by name
    # and one listing each tells what the catalogue there knows and which points are there
    assert cost.pop("GetObject", 0) <= 1
    assert cost == {"ListObjectsV2": 3, "CopyObject": BLOBS - 1, "HeadObject": 1}


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("NoSuchBucket", 404), ("NoSuchKey", 404)]
)
def test_where_the_server_does_not_copy_between_two_accounts_data_is_streamed(
    endpoint: Endpoint, code: str, status: int
) -> None:
    client, asked = connect(endpoint.settings), []

    def refuse(model: Any, **_: Any) -> Any:
        asked.append(model.name)
        answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status), answer

    client.meta.events.register("before-call.s3.CopyObject", refuse)
    buckets = filled(bucket(endpoint), S3Vault(client, endpoint.new_bucket()))
    buckets.copy(limits=ONE_AFTER_ANOTHER)
    assert len(asked) == 1
    assert content(buckets.target) == content(buckets.source)


def test_a_blob_that_the_server_finds_changed_is_a_finding_and_not_streamed(endpoint: Endpoint) -> None:
    client = connect(endpoint.settings)

    def refuse(model: Any, **_: Any) -> Any:
        answer = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
        return SimpleNamespace(status_code=412), answer

    client.meta.events.register("before-call.s3.CopyObject", refuse)
    buckets = filled(bucket(endpoint), S3Vault(client, endpoint.new_bucket()))
    with pytest.raises(MismatchError, match="is no longer what was listed"):
        buckets.copy()
    assert content(buckets.target) == {}


def test_a_blob_without_a_digest_is_streamed_against_its_entity_tag(
    endpoint: Endpoint, elsewhere: Endpoint
) -> None:
    blobs = [{"sha256sum": digest_of(data), "id": f"{n}f-x"} for n, data in enumerate((CONFIG, *LAYERS))]
    here, storage = endpoint.new_bucket(), S3Storage(endpoint.client, endpoint.new_bucket())
    for row, data in zip(blobs, (CONFIG, *LAYERS), strict=True):
        storage.put_bytes(id_path(row["id"]), data)
    source = S3Vault(endpoint.client, here)
    site = Site(source, bucket(elsewhere), publish_point(source, storage, rows={**ROWS, "blobs": blobs}))
    key = f"{CLUSTER}/blobs/id/1f/1f-x"
    source.put_bytes(key, b"!" + LAYERS[0][1:])
    with pytest.raises(MismatchError, match=f"{key} has the MD5"):
        site.copy()
    assert site.target.head(key) is None
    source.put_bytes(key, LAYERS[0])
    assert (site.copy().copied, points_in(site.target)) == (1, [site.manifest.id])


def test_a_blob_that_is_there_with_another_size_is_a_finding_and_stays(site: Site) -> None:
    key = site.blob(CONFIG)
    site.target.put_bytes(key, b"something else")
    with pytest.raises(MismatchError, match="has 14 bytes in the vault, the index says 2") as refused:
        site.copy()
    assert refused.value.where == site.target.where
    assert points_in(site.target) == []
    assert site.target.get_bytes(key) == b"something else"
    site.target.delete(key)
    assert site.copy().copied == 1
    assert points_in(site.target) == [site.manifest.id]


def test_a_part_that_is_there_with_other_bytes_is_found_before_the_copy_counts(site: Site) -> None:
    text = site.source.get_bytes(site.key(METADATA))
    site.target.put_bytes(site.key(METADATA), b"!" + text[1:])
    with pytest.raises(MismatchError, match="the copy of .* is not sound: metadata.tar.zst.age"):
        site.copy()
    assert points_in(site.target) == []


@pytest.mark.parametrize("name", [METADATA, PART_OF_LATER])
def test_a_part_that_is_damaged_at_the_source_is_not_kept(folders: Site, name: str) -> None:
    text = folders.source.get_bytes(folders.key(name))
    folders.source.put_bytes(folders.key(name), text[:-1] + b"!")
    with pytest.raises(MismatchError, match=f"{name} hashes to"):
        folders.copy()
    assert folders.target.head(folders.key(name)) is None
    assert points_in(folders.target) == []


def test_a_part_that_is_there_with_another_size_is_found(folders: Site) -> None:
    folders.target.put_bytes(folders.key(METADATA), b"half")
    with pytest.raises(MismatchError, match="metadata.tar.zst.age has 4 bytes there and"):
        folders.copy()


def test_a_blob_that_is_gone_at_the_source_ends_the_copy_and_the_half_is_no_point(site: Site) -> None:
    key = site.blob(LAYERS[1])
    site.source.delete(key)
    with pytest.raises(MismatchError, match="vanished from the vault meanwhile") as refused:
        site.copy()
    assert key.removeprefix(f"{CLUSTER}/") in refused.value.what
    assert points_in(site.target) == []


@pytest.mark.parametrize("name", [INDEX, METADATA, MANIFEST])
def test_a_point_that_is_pruned_while_it_is_copied_is_no_point_there(folders: Site, name: str) -> None:
    point = PointCopy(folders.source, folders.target, folders.manifest, IDENTITY)
    folders.source.delete(folders.key(name))
    with pytest.raises(MismatchError, match=f"{name} vanished from the vault meanwhile"):
        point.copy_blobs()
        point.copy_parts()
        point.verify()
        point.publish()
    assert points_in(folders.target) == []


def test_a_blob_that_is_damaged_at_the_source_is_not_kept(any_site: Site) -> None:
    key = any_site.blob(LAYERS[0])
    any_site.source.put_bytes(key, b"!" + LAYERS[0][1:])
    with pytest.raises(MismatchError, match="is not sound"):
        any_site.copy()
    assert points_in(any_site.target) == []
    by_the_server = isinstance(any_site.source, S3Vault) and isinstance(any_site.target, S3Vault)
    if not (
        by_the_server and any_site.source.client is any_site.target.client
    ):  # moto does not look at the entity tag
        assert any_site.target.head(key) is None
        assert len(list(any_site.target.list(blobs_prefix(CLUSTER)))) == BLOBS - 1


def test_an_index_that_is_not_the_manifests_is_not_followed(folders: Site) -> None:
    other = publish_point(folders.source, MemoryStorage(TREE), hour=2)
    index = folders.source.get_bytes(part_key(CLUSTER, other.id, INDEX))
    folders.source.put_bytes(folders.key(INDEX), index)
    with pytest.raises(MismatchError, match="it is not what its manifest names"):
        folders.copy()
    assert content(folders.target) == {}


def test_a_manifest_that_is_there_and_another_is_never_replaced(folders: Site) -> None:
    folders.target.put_bytes(folders.key(MANIFEST), b"{}")
    with pytest.raises(MismatchError, match="it is not the one of file://"):
        folders.copy()
    assert folders.target.get_bytes(folders.key(MANIFEST)) == b"{}"


def test_a_manifest_that_was_changed_meanwhile_is_not_copied(folders: Site) -> None:
    folders.manifest = replace(folders.manifest, tags=99)
    with pytest.raises(MismatchError, match="it was changed while its point was copied"):
        folders.copy()
    assert points_in(folders.target) == []


def test_encrypted_image_data_is_copied_as_it_lies_there_and_opens_at_the_copy(tmp_path: Path) -> None:
    seal = BlobSeal([RECIPIENT], lambda: IDENTITY, new_blobs=True)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    manifest = publish_point(FileVault(here, seal), MemoryStorage(TREE))
    point = PointCopy(FileVault(here, AsStored()), FileVault(there, AsStored()), manifest, IDENTITY)
    assert point.copy_blobs().copied == manifest.images.blobs
    assert point.copy_blobs().copied == 0
    point.copy_parts()
    point.verify()
    point.publish()
    for seen in FileVault(here).list("prod/blobs/"):
        assert seen.key.endswith(".age")
        assert (here / seen.key).read_bytes() == (there / seen.key).read_bytes()
    assert verify_point(FileVault(there, seal), manifest, IDENTITY, full=True).findings == []
