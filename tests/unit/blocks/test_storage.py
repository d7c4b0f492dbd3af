"""Where images are kept, as a cluster file says it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from runbook.domain.commands import StorageChoice, StorageKind
from runbook.domain.errors import InvalidConfigError
from runbook.remote.storage import S3Storage
from runbook.remote.storage_tree import FolderStorage, TreeStorage
from runbook.remote.storage_volume import VolumeStorage
from tests.unit.blocks.test_cluster import change

NFS = {"url": "nfs://nas.example.com/registry", "path": "/mnt/registry"}


def volume(document: dict[str, Any]) -> None:
    document.update(replicas=1, storage={"volume": {"node": "msr-2"}})


@pytest.mark.parametrize(
    ("edit", "kind", "where", "choice"),
    [
        (lambda d: None, S3Storage, "s3://msr-images", StorageChoice()),
        (
            lambda d: d.update(storage={"nfs": NFS}),
            FolderStorage,
            "file:///mnt/registry",
            StorageChoice(StorageKind.NFS, NFS["url"]),
        ),
        (
            lambda d: d.update(storage={"nfs": {**NFS, "node": "mke-manager-1"}}),
            TreeStorage,
            "mke-manager-1:/mnt/registry",
            StorageChoice(StorageKind.NFS, NFS["url"]),
        ),
        (volume, VolumeStorage, "msr-2:volume", StorageChoice()),
    ],
)
def test_each_kind_is_reached_in_its_way_and_told_to_the_bootstrapper(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    edit: Callable[[dict[str, Any]], None],
    kind: type[object],
    where: str,
    choice: StorageChoice,
) -> None:
    monkeypatch.setenv("MSR_S3_ACCESS_KEY", "key")
    monkeypatch.setenv("MSR_S3_SECRET_KEY", "secret")
    cluster = ClusterConnection(RegistryCluster.from_file(change(tmp_path, edit)).settings)
    assert (type(cluster.storage), cluster.storage.where) == (kind, where)
    assert cluster.settings.storage.choice == choice


def test_a_replica_goes_where_its_volume_shall_be(tmp_path: Path) -> None:
    cluster = ClusterConnection(RegistryCluster.from_file(change(tmp_path, volume)).settings)
    assert [node.name for node in cluster.registry_nodes] == ["msr-2", "msr-1", "msr-3", "msr-spare"]


def test_no_key_is_in_what_a_recovery_point_says_of_the_storage(tmp_path: Path) -> None:
    described = RegistryCluster.from_file(change(tmp_path, lambda d: None)).settings.storage.described()
    assert described["bucket"] == "msr-images" and not any("key" in name for name in described)
    nfs = RegistryCluster.from_file(change(tmp_path, lambda d: d.update(storage={"nfs": NFS}))).settings
    assert nfs.storage.described() == {"nfs": NFS}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(storage={}), "storage: give exactly one of s3, nfs and volume"),
        (lambda d: d["storage"].update(nfs=NFS), "storage: give exactly one of s3, nfs and volume"),
        (
            lambda d: d.update(storage={"nfs": {**NFS, "url": "nas:/x"}}),
            "storage.nfs.url: must be nfs://HOST/PATH",
        ),
        (
            lambda d: d.update(storage={"nfs": {**NFS, "path": "mnt"}}),
            "storage.nfs.path: must be an absolute path",
        ),
        (
            lambda d: d.update(storage={"nfs": {**NFS, "node": "nas"}}),
            "storage.nfs.node: nas is none of the nodes",
        ),
        (
            lambda d: d.update(replicas=1, storage={"volume": {"node": "mke-manager-1"}}),
            "storage.volume.node: mke-manager-1 is none of the registry nodes",
        ),
        (
            lambda d: d.update(storage={"volume": {"node": "msr-1"}}),
            "storage.volume: 3 replicas cannot share a volume; use s3 or nfs, or set `replicas: 1`",
        ),
    ],
)
def test_each_mistake_about_storage_is_told_in_words(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], words: str
) -> None:
    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(change(tmp_path, edit))
    assert words in invalid.value.what
