"""The volume of a single replica's images, on a node whose docker knows volumes as folders."""

from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.remote.snapshot import take_pass
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage_volume import VolumeStorage
from runbook.remote.vault_file import FileVault
from tests.fakes.folder_tree import read_tree, write_tree
from tests.fakes.local_node import LocalNode
from tests.fakes.stored_images import tree_of

TREE = tree_of("org/app", {"v1": [b"{1}"]}, [b"layer"])
OLD, NEW = "0123456789ab", "abcdef012345"


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path / "node")


@pytest.fixture
def storage(node: LocalNode) -> VolumeStorage:
    return VolumeStorage(lambda: node, "dtr1")  # type: ignore[arg-type, return-value]  # as far as it is used


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


def test_images_come_back_into_a_volume_that_is_named_after_the_replica(
    node: LocalNode, storage: VolumeStorage, vault: FileVault
) -> None:
    write_tree(node.volume(f"dtr-registry-{OLD}"), TREE)
    node.volume(f"dtr-ca-{OLD}").mkdir()
    taken = take_pass(storage, vault, "prod")
    node.volume(f"dtr-registry-{OLD}").rename(node.folder / "lost")
    storage.make(NEW)
    restore_blobs(taken.index, vault, "prod", storage)
    assert read_tree(node.volume(f"dtr-registry-{NEW}")) == TREE


def test_before_a_replica_is_there_nothing_is_stored(storage: VolumeStorage, vault: FileVault) -> None:
    assert storage.is_empty()
    assert take_pass(storage, vault, "prod").objects == 0


def test_it_is_not_guessed_which_of_two_volumes_is_meant(node: LocalNode, storage: VolumeStorage) -> None:
    for replica in (OLD, NEW):
        node.volume(f"dtr-registry-{replica}").mkdir()
    with pytest.raises(RefusedError, match=f"there are: dtr-registry-{OLD}, dtr-registry-{NEW}"):
        list(storage.list_objects())
