from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.storage import NfsSettings, StorageSettings
from runbook.domain.findings import Level
from runbook.domain.plans import Action
from runbook.remote.storage_tree import FolderStorage
from tasks.storage import check_storage, ensure_storage
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.registry_server import registry_server


@pytest.fixture
def with_registry(cluster: FakeCluster) -> Iterator[FakeCluster]:
    with registry_server() as server:
        cluster.server = server
        yield cluster


def stored(cluster: FakeCluster) -> dict[str, object]:
    assert cluster.server
    s3: dict[str, object] = cluster.server.storage["storage"]["s3"]
    return s3


def test_the_registry_is_given_the_bucket_and_its_keys_once(
    with_registry: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSR_S3_ACCESS_KEY", "key")
    monkeypatch.setenv("MSR_S3_SECRET_KEY", "secret")
    assert [ensure_storage.fn(with_registry).action for _ in range(2)] == [Action.CONFIGURE, Action.KEEP]
    assert (stored(with_registry)["accesskey"], stored(with_registry)["secretkey"]) == ("key", "secret")


def test_without_keys_the_registry_is_given_none_and_uses_its_nodes_role(
    with_registry: FakeCluster,
) -> None:
    s3 = with_registry.settings.storage.s3
    assert s3
    s3.access_key = s3.secret_key = None
    assert ensure_storage.fn(with_registry).action is Action.CONFIGURE
    assert stored(with_registry)["bucket"] == "msr-images"
    assert not stored(with_registry).keys() & {"accesskey", "secretkey"}


def test_a_share_is_left_to_the_bootstrapper(with_registry: FakeCluster) -> None:
    with_registry.settings.storage = StorageSettings(nfs=NfsSettings(url="nfs://nas/x", path="/mnt/x"))
    assert ensure_storage.fn(with_registry).action is Action.KEEP
    assert with_registry.server and with_registry.server.storage == {}


def test_a_share_that_is_not_mounted_blocks(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.storage = FolderStorage(tmp_path / "absent")  # type: ignore[assignment]  # the fake's is in memory
    (finding,) = check_storage.fn(cluster)
    assert (finding.level, finding.what) == (Level.BLOCKS, "there is no such folder")
    (tmp_path / "absent").mkdir()
    (finding,) = check_storage.fn(cluster)
    assert finding.what == "is empty"
