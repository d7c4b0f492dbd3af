"""A bucket tried with keys of few rights, a share on a node, and the canary's blobs where they should lie."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from blocks.storage import NfsSettings, StorageSettings, VolumeSettings
from runbook.domain.errors import MismatchError, NotReadyError
from runbook.domain.findings import Level
from runbook.domain.storage_rights import StorageRight
from runbook.remote.registry_images import digest_of
from runbook.remote.storage import S3Storage
from runbook.remote.storage_probe import NAME, probe_bucket
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.storage_volume import VolumeStorage
from runbook.remote.stored_blobs import missing_blobs
from tasks import storage as storage_module
from tasks.images import ensure_canary
from tasks.storage import try_storage, verify_stored
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.guarded_s3 import DELETE, LIST, READ, WRITE, GuardedS3, guarded_s3
from tests.fakes.local_node import LocalNode
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.registry_server import registry_server
from tests.fakes.stored_images import blob_path, id_path


@pytest.fixture(scope="module")
def s3() -> Iterator[GuardedS3]:
    with guarded_s3() as endpoint:
        yield endpoint


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    """A cluster with a registry that takes pushes, its blobs in memory."""
    (tmp_path / "vault").mkdir()
    with disable_run_logger(), registry_server() as server:
        yield FakeCluster(tmp_path / "vault", server=server)


def bucket(s3: GuardedS3, key: str, *rights: str) -> S3Storage:
    s3.grants[key] = frozenset(rights)
    return S3Storage(s3.client(key), s3.new_bucket(lock=False), "registry")


def test_every_right_is_seen_and_the_probe_is_gone(s3: GuardedS3, cluster: FakeCluster) -> None:
    cluster.storage = bucket(s3, "all", LIST, READ, WRITE, DELETE)  # type: ignore[assignment]
    (found,) = try_storage.fn(cluster)
    assert found.what == "an object was written, read back and deleted with the registry's keys"
    assert cluster.storage.is_empty()


def test_missing_rights_are_named_beside_all_that_are_needed(s3: GuardedS3, cluster: FakeCluster) -> None:
    cluster.storage = bucket(s3, "few", LIST, WRITE)  # type: ignore[assignment]
    (found,) = try_storage.fn(cluster)
    assert (found.level, found.what) == (
        Level.BLOCKS,
        "the registry's keys lack s3:GetObject, s3:DeleteObject",
    )
    assert "s3:ListAllMyBuckets, s3:ListBucket, s3:GetBucketLocation" in found.next_step


def test_what_the_manual_asks_for_and_no_image_needs_is_a_warning(s3: GuardedS3) -> None:
    seen = probe_bucket(bucket(s3, "blind", READ, WRITE, DELETE))
    lacking = {right for right, able in seen.items() if not able}
    assert lacking == {
        StorageRight.LIST, StorageRight.LIST_BUCKETS, StorageRight.LOCATION, StorageRight.UPLOADS,
    }  # fmt: skip


def test_a_bucket_that_does_not_exist_blocks(s3: GuardedS3, cluster: FakeCluster) -> None:
    cluster.storage = S3Storage(s3.client(), "no-such-bucket")  # type: ignore[assignment]
    (found,) = try_storage.fn(cluster)
    assert (found.level, found.what) == (Level.BLOCKS, "the bucket does not exist")


def test_a_share_is_tried_where_it_is_mounted(cluster: FakeCluster, tmp_path: Path) -> None:
    nfs = NfsSettings(url="nfs://127.0.0.1/x", path=str(tmp_path), options="port=9")
    cluster.settings.storage = StorageSettings(nfs=nfs)
    cluster.storage = FolderStorage(tmp_path)  # type: ignore[assignment]
    (mount,) = try_storage.fn(cluster)
    assert (mount.level, mount.what) == (Level.WARNING, "it is no NFS mount")
    assert not (tmp_path / NAME).exists()


def test_a_share_that_cannot_be_written_blocks(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.storage = FolderStorage(tmp_path / "absent")  # type: ignore[assignment]
    (found,) = try_storage.fn(cluster)
    assert (found.level, found.what) == (
        Level.BLOCKS, "a file cannot be written there: there is no such folder",
    )  # fmt: skip


def test_a_volume_is_tried_once_it_is_there(cluster: FakeCluster, tmp_path: Path) -> None:
    node = LocalNode(tmp_path / "node")
    cluster.settings.storage = StorageSettings(volume=VolumeSettings(node="dtr1", name="images"))
    cluster.storage = VolumeStorage(lambda: node, "dtr1", "images")  # type: ignore[assignment, arg-type, return-value]
    (found,) = try_storage.fn(cluster)
    assert (found.level, found.what.partition(":")[0]) == (Level.OK, "there is no such volume yet")
    cluster.storage.make("0123456789ab")  # type: ignore[attr-defined]
    (found,) = try_storage.fn(cluster)
    assert found.what == "a file was written, read back and deleted"


def test_a_canary_that_lies_elsewhere_is_noticed(cluster: FakeCluster) -> None:
    assert cluster.server
    cluster.storage = S3Like()
    canary = ensure_canary.fn(cluster)
    with pytest.raises(
        MismatchError, match="2 of the canary's 2 blobs are not there\nNext: the registry keeps"
    ):
        verify_stored.fn(cluster, canary)
    cluster.storage.objects = {blob_path(data): data for data in cluster.server.blobs.values()}
    verify_stored.fn(cluster, canary)


def test_a_share_may_show_the_canary_later(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "SEEN_WITHIN", 0.2)
    with pytest.raises(NotReadyError, match="2 of the canary's 2 blobs are not there"):
        verify_stored.fn(cluster, ensure_canary.fn(cluster))


def test_a_blob_of_the_layout_without_digests_is_found_by_its_bytes() -> None:
    stored = MemoryStorage({id_path("abcd"): b"other", id_path("abce"): b"bytes", "z": b"bytes"})
    wanted = {digest_of(data): len(data) for data in (b"bytes", b"wrong")}
    assert missing_blobs(stored, wanted) == {digest_of(b"wrong")}


def test_what_is_too_much_to_look_through_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.remote.stored_blobs.LOOKED_AT", 1)
    stored = MemoryStorage({id_path("abcd"): b"x", id_path("abce"): b"y"})
    assert missing_blobs(stored, {digest_of(b"wrong"): 5}) is None


class S3Like(MemoryStorage, S3Storage):
    """What is in memory and shown at once, as a bucket shows it."""

    where = "s3://images"  # type: ignore[assignment]
