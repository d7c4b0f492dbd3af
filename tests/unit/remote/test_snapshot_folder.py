"""A pass over a registry's storage in a folder, into a folder's vault."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3transfer.bandwidth import TimeUtils

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held
from runbook.domain.snapshot import StoredObject, blob_key
from runbook.remote import vault_batch
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.pace import paced
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault_file import PARTIAL, FileVault
from tests.fakes.folder_tree import read_tree, write_tree
from tests.fakes.stored_images import ROOT, blob_path, hexadecimal, id_path, link, tree_of

LAYERS = [f"layer {number} ".encode() * 500 for number in range(200)]
TREE = tree_of("org/app", {"v1": [b"{1}", b"{2}"], "v1-rc": [b"{3}"]}, LAYERS) | {
    id_path("abcd"): b"named by an id",
    f"{ROOT}/repositories/org/app/_uploads/0c8c/data": b"half a layer",
    f"{ROOT}/repositories/org/app/_state": b"x" * 100_000,
    "health": b"",
}
BLOBS = {path: data for path, data in TREE.items() if path.endswith("/data") and "/blobs/" in path}


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(write_tree(tmp_path / "storage", TREE))


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


def kept(taken: PassResult, vault: FileVault) -> dict[str, bytes]:
    """Return what the index can bring back."""
    return {
        entry.path: entry.target.encode() or entry.data or vault.get_bytes(f"prod/{entry.key}")
        if entry.held is not Held.INLINE
        else entry.data
        for entry in taken.index
    }


def partial_files(vault: FileVault) -> list[Path]:
    return list((vault.root / PARTIAL).iterdir())


@pytest.mark.parametrize("window", [1, 7, 2048])
def test_every_file_but_uploads_is_kept_whatever_may_wait(
    storage: FolderStorage, vault: FileVault, window: int
) -> None:
    taken = take_pass(storage, vault, "prod", CopyLimits(window=window))
    assert kept(taken, vault) == {path: data for path, data in TREE.items() if "_uploads" not in path}
    assert taken.findings == [] and taken.left_out == 1
    assert partial_files(vault) == []


def test_links_are_read_with_the_listing_and_a_second_pass_copies_nothing(
    storage: FolderStorage, vault: FileVault
) -> None:
    first = take_pass(storage, vault, "prod")
    second = take_pass(storage, vault, "prod")
    assert (first.fetched, second.fetched) == (1, 2)  # `health`, then `_state` too, to see whether it is kept
    assert (first.copied, second.copied) == (len(BLOBS) + 1, 0)
    assert (
        [e.path for e in first.index] == [e.path for e in second.index] == sorted(p.path for p in first.index)
    )


def test_a_blob_whose_bytes_are_not_what_its_name_says_is_a_finding_and_is_not_kept(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    write_tree(tmp_path / "storage", {blob_path(LAYERS[7]): b"x" * len(LAYERS[7])})
    taken = take_pass(storage, vault, "prod")
    assert [finding.split("/")[0:1] + [finding[-71:-64]] for finding in taken.findings] == [
        ["docker", "sha256:"]
    ]
    assert taken.copied == len(BLOBS)
    assert partial_files(vault) == []


def test_a_file_that_vanishes_after_its_listing_is_a_finding(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    class Deleting(FolderStorage):
        def list_objects(self) -> Iterator[StoredObject]:
            for seen in super().list_objects():
                if seen.path == blob_path(LAYERS[7]):
                    (tmp_path / "storage" / seen.path).unlink()
                yield seen

    taken = take_pass(Deleting(tmp_path / "storage"), vault, "prod")
    assert taken.findings == [f"{blob_path(LAYERS[7])} vanished or changed between its listing and its copy"]


def test_a_link_that_holds_something_else_is_kept_as_it_is(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    odd = next(path for path in TREE if "_layers" in path)
    write_tree(tmp_path / "storage", {odd: link(b"other"), odd.replace("_layers", "_odd"): b"two\0parts\0"})
    brought_back = kept(take_pass(storage, vault, "prod"), vault)
    assert brought_back[odd] == link(b"other")
    assert brought_back[odd.replace("_layers", "_odd")] == b"two\0parts\0"


def test_nothing_is_an_object_before_it_is_on_stable_storage(
    storage: FolderStorage, vault: FileVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_disk: int, _files: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "storage" / f"{ROOT}/repositories/org/app/_state").unlink()  # it does not go with the others
    monkeypatch.setattr(vault_batch, "_sync", fail)
    with pytest.raises(RefusedError, match="Input/output error"):
        take_pass(storage, vault, "prod")
    assert list(vault.list("")) == [] and partial_files(vault) == []


def test_a_machine_without_syncfs_syncs_file_by_file(
    storage: FolderStorage, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_batch, "_has_syncfs", lambda: False)
    assert take_pass(storage, vault, "prod").findings == []
    assert {seen.size for seen in vault.list("")} == {len(data) for data in [*BLOBS.values(), b"x" * 100_000]}


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, vault: FileVault) -> None:
    with pytest.raises(RefusedError, match="there is no such folder"):
        take_pass(FolderStorage(tmp_path / "none"), vault, "prod")


def test_a_folder_tells_whether_it_is_empty(storage: FolderStorage, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (storage.is_empty(), FolderStorage(tmp_path / "empty").is_empty()) == (False, True)


def test_an_emptied_folder_is_filled_again_and_what_is_there_is_kept(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    taken = take_pass(storage, vault, "prod")
    (tmp_path / "new").mkdir()
    target = FolderStorage(tmp_path / "new")
    first = restore_blobs(taken.index, vault, "prod", target)
    whole = {path: data for path, data in TREE.items() if "_uploads" not in path}
    assert read_tree(tmp_path / "new") == whole
    assert (first.copied, first.written) == (len(BLOBS) + 1, len(whole) - len(BLOBS) - 1)
    cut, gone, other = blob_path(LAYERS[1]), blob_path(LAYERS[2]), next(p for p in TREE if "_layers" in p)
    write_tree(tmp_path / "new", {cut: b"cut", other: link(b"other")})
    (tmp_path / "new" / gone).unlink()
    second = restore_blobs(taken.index, vault, "prod", target)
    assert read_tree(tmp_path / "new") == whole
    assert (second.copied, second.written, second.skipped) == (
        2,
        2,
        len(whole) - 4,
    )  # `health` cannot be proven


def test_files_belong_to_the_owner_of_the_storages_folder(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    taken = take_pass(storage, vault, "prod")
    (tmp_path / "new").mkdir()
    os.chown(tmp_path / "new", 4711, 4712)
    restore_blobs(taken.index, vault, "prod", FolderStorage(tmp_path / "new"))
    seen = {(p.stat().st_uid, p.stat().st_gid, oct(p.stat().st_mode)) for p in (tmp_path / "new").rglob("*")}
    assert seen == {(4711, 4712, "0o100644"), (4711, 4712, "0o40755")}


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_a_blob_that_rotted_in_the_vault_leaves_nothing_that_the_next_run_takes_for_whole(
    vault: FileVault, tmp_path: Path, size: int
) -> None:
    data = b"x" * size
    storage = FolderStorage(write_tree(tmp_path / "storage", {blob_path(data): data}))
    taken = take_pass(storage, vault, "prod")
    (entry,) = taken.index
    vault.path(f"prod/{entry.key}").write_bytes(b"y" * size)
    (tmp_path / "new").mkdir()
    target = FolderStorage(tmp_path / "new")
    with pytest.raises(MismatchError, match="hashes to"):
        restore_blobs(taken.index, vault, "prod", target)
    vault.path(f"prod/{entry.key}").write_bytes(data)
    assert restore_blobs(taken.index, vault, "prod", target).copied == 1
    assert read_tree(tmp_path / "new") == {blob_path(data): data}


def test_a_blob_that_is_gone_from_the_vault_is_named(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    taken = take_pass(storage, vault, "prod")
    key = f"prod/{blob_key(hexadecimal(LAYERS[3]))}"
    vault.delete(key)
    (tmp_path / "new").mkdir()
    with pytest.raises(MismatchError, match=f"{key}: it is named by the recovery point and not in the vault"):
        restore_blobs(taken.index, vault, "prod", FolderStorage(tmp_path / "new"))


def test_a_storage_whose_folder_is_missing_is_not_made(
    storage: FolderStorage, vault: FileVault, tmp_path: Path
) -> None:
    taken = take_pass(storage, vault, "prod")
    with pytest.raises(RefusedError, match="there is no such folder"):
        restore_blobs(taken.index, vault, "prod", FolderStorage(tmp_path / "not-mounted"))


def test_streamed_bytes_keep_the_pace(storage: FolderStorage, vault: FileVault) -> None:
    clock = Clock()
    limits = CopyLimits(bytes_per_second=100_000)
    limits.__dict__["pace"] = paced(100_000, clock)
    taken = take_pass(storage, vault, "prod", limits)
    assert 0.8 <= taken.copied_bytes / 100_000 / clock.now <= 1.2


class Clock(TimeUtils):
    """Time that passes while somebody sleeps, and only then."""

    def __init__(self) -> None:
        self.now = 0.0
        self._guard = threading.Lock()

    def time(self) -> float:
        return self.now

    def sleep(self, value: float) -> None:
        with self._guard:
            self.now += value
