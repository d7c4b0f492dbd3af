"""A backup into a bucket that locks, refuses deletes and gets nothing in plain; and a restore from it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from runbook.domain.errors import RefusedError
from runbook.domain.object_lock import LockMode, ObjectLock
from runbook.domain.sealed_blobs import is_sealed
from runbook.remote.blob_seal import BlobSeal
from runbook.remote.object_lock import locked
from runbook.remote.server_side_encryption import require_encrypted
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.write_options import ServerSideEncryption, WriteOptions
from tasks.recovery_points import begin_point
from tasks.restoration import choose_point, restore_images, restore_metadata, verify_chosen
from tasks.vault import check_vault
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.guarded_s3 import BYPASS, DELETE, EVERYTHING, GuardedS3, guarded_s3
from tests.fakes.points import take_point

COMPLIANCE = ObjectLock(LockMode.COMPLIANCE, 30)
AES = ServerSideEncryption("AES256")


@pytest.fixture(autouse=True)
def no_run() -> Iterator[None]:
    """Tasks are called as functions here; there is no run to log to."""
    with disable_run_logger():
        yield


@pytest.fixture(scope="module")
def s3() -> Iterator[GuardedS3]:
    with guarded_s3() as endpoint:
        endpoint.grants["appender"] = EVERYTHING - {DELETE, BYPASS}
        yield endpoint


@pytest.fixture
def cluster(s3: GuardedS3, tmp_path: Path) -> FakeCluster:
    """A registry whose vault is a bucket in which nothing is deleted and everything is locked and encrypted."""
    cluster = FakeCluster(tmp_path)
    cluster.replicas = [alive(1)]
    keep_in(cluster, s3, s3.new_bucket())
    return cluster


def keep_in(cluster: FakeCluster, s3: GuardedS3, bucket: str, *, key: str = "appender") -> None:
    seal = BlobSeal(cluster.settings.vault.recipients, lambda: cluster.identity, new_blobs=True)
    cluster.vault = S3Vault(s3.client(key), bucket, options=WriteOptions(COMPLIANCE, AES), seal=seal)


def test_a_point_is_locked_and_encrypted_whole_and_comes_back(cluster: FakeCluster) -> None:
    now = datetime.now(UTC)
    point = take_point(cluster)
    folders = ("lab/points/", "lab/blobs/")
    keys = [seen.key for folder in folders for seen in cluster.vault.list(folder)]
    assert len(keys) == 4 + point.images.blobs
    for key in keys:
        assert locked(cluster.vault, key) >= ("COMPLIANCE", COMPLIANCE.needed_until(now))
        require_encrypted(cluster.vault, key)
    assert all(is_sealed(key) for key in keys if key.startswith("lab/blobs/"))
    assert {found.level for found in check_vault.fn(cluster)} == {"ok"}

    images = dict(cluster.storage.objects)
    cluster.storage.objects.clear()
    cluster.replicas = []
    assert choose_point.fn(cluster, None) == point
    verify_chosen.fn(cluster, point)
    restore_images.fn(cluster, point)
    restore_metadata.fn(cluster, point)
    assert cluster.storage.objects == images


def test_two_backups_in_a_row_leave_two_points(cluster: FakeCluster) -> None:
    first, second = take_point(cluster), take_point(cluster)
    assert first.id != second.id
    assert first.images == second.images


def test_a_backup_into_a_bucket_without_object_lock_is_refused_before_it_begins(
    cluster: FakeCluster, s3: GuardedS3
) -> None:
    keep_in(cluster, s3, s3.new_bucket(lock=False))
    with pytest.raises(RefusedError, match=r"no point can be locked: .*\nNext: name a bucket"):
        begin_point.fn(cluster)
    assert list(cluster.vault.list("")) == []


def test_a_point_whose_image_data_cannot_be_locked_long_enough_does_not_count(
    cluster: FakeCluster, s3: GuardedS3
) -> None:
    first = take_point(cluster)
    cluster.vault.options = WriteOptions(ObjectLock(LockMode.COMPLIANCE, 300), AES)
    s3.refuse_extensions = True
    try:
        with pytest.raises(RefusedError, match="blobs/.*403"):
            take_point(cluster)
    finally:
        s3.refuse_extensions = False
    manifests = [seen.key for seen in cluster.vault.list("lab/points/") if seen.key.endswith("manifest.json")]
    assert manifests == [f"lab/points/{first.id}/manifest.json"]
