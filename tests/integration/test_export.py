"""A recovery point as plain files: byte for byte what was backed up, whole or resumed, and only for its owner."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.recovery import INDEX, METADATA, Manifest, part_key
from runbook.remote import export_folder
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.export import Exported, export_point
from runbook.remote.image_index import ImageIndex, read_index, write_index
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.failing_vault import CrashError, ReadOnlyVault
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.metadata_archive import archive, digest_of
from tests.fakes.published_points import (
    CLUSTER,
    CONFIG,
    IDENTITY,
    LAYERS,
    RECIPIENT,
    ROWS,
    SIDECAR_CONTENT,
    TREE,
    publish_point,
)
from tests.fakes.stored_images import ROOT, blob_path, id_path
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

LATER = {"control-plane.tar.zst.age": b"later" * 99}
ONE_AFTER_ANOTHER = CopyLimits(workers=1, window=1)
FILES = len(TREE) + 3  # the vendor's tar, the sidecar, the part that is not known


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(params=["folder", "bucket"])
def vault(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Vault:
    return kept_in(tmp_path) if request.param == "folder" else S3Vault(endpoint.client, endpoint.new_bucket())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileVault, Manifest, dict[str, bytes]]:
    """A vault that is only read, its point, and the files of a whole export."""
    path = tmp_path_factory.mktemp("exported")
    vault = kept_in(path)
    manifest, to = plain(vault, path)
    export(vault, manifest, to)
    return vault, manifest, files_in(to)


@pytest.fixture
def kept(tmp_path: Path) -> FileVault:
    return kept_in(tmp_path)


def kept_in(tmp_path: Path) -> FileVault:
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


def export(vault: Vault, manifest: Manifest, to: Path) -> Exported:
    return export_point(ReadOnlyVault(vault), manifest, IDENTITY, to, ONE_AFTER_ANOTHER)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def plain(vault: Vault, tmp_path: Path) -> tuple[Manifest, Path]:
    return publish_point(vault, MemoryStorage(TREE), more=LATER), tmp_path / "plain"


def test_the_exported_tree_is_the_storage_byte_for_byte_and_the_tar_the_vendors(
    vault: Vault, endpoint: Endpoint, tmp_path: Path
) -> None:
    storage = S3Storage(endpoint.client, endpoint.new_bucket(), "registry")
    for path, data in TREE.items():
        storage.put_bytes(path, data)
    manifest, to = publish_point(vault, storage, more=LATER), tmp_path / "plain"
    done = export(vault, manifest, to)
    assert (done.written, done.kept) == (FILES, 0)
    assert files_in(to / "images") == TREE
    assert (to / "metadata.tar").read_bytes() == archive(ROWS)
    assert json.loads((to / "sidecar.json").read_bytes()) == SIDECAR_CONTENT
    assert (to / "control-plane.tar").read_bytes() == b"later" * 99
    top = {path.name for path in to.iterdir()}
    assert top == {"README.txt", "control-plane.tar", "export.json", "images", "metadata.tar", "sidecar.json"}


def test_the_tar_opens_with_tar(kept: FileVault, tmp_path: Path) -> None:
    manifest, to = plain(kept, tmp_path)
    export(kept, manifest, to)
    listed = subprocess.run(["tar", "-tf", to / "metadata.tar"], capture_output=True, text=True, check=True)
    assert "dtr-backup-v2.9.29-online/rethink/properties/0" in listed.stdout.splitlines()


def test_only_the_owner_can_read_it_whatever_the_umask_is(kept: FileVault, tmp_path: Path) -> None:
    manifest, to = plain(kept, tmp_path)
    to.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        export(kept, manifest, to)
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (to, *to.rglob("*"))}
    assert modes == {(True, 0o700), (False, 0o600)}


class DyingFolder(export_folder.ExportFolder):
    """A folder on a machine that dies when the nth file has been written, or is half written."""

    left, halfway = 0, False

    def _written(self, path: str) -> Iterator[object]:
        type(self).left -= 1
        with super().writer(path) as file:
            if self.left == 0 and self.halfway:
                file.write(b"half")
                raise CrashError(path)
            yield file
        if self.left == 0:
            raise CrashError(path)

    writer = export_folder.contextmanager(_written)


@pytest.mark.parametrize("halfway", [True, False])
@pytest.mark.parametrize("number", range(1, FILES + 3))
def test_an_export_that_died_at_any_file_has_nothing_half_and_is_finished_by_another(
    exported: tuple[FileVault, Manifest, dict[str, bytes]],
    tmp_path: Path,
    number: int,
    halfway: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (vault, manifest, whole), to = exported, tmp_path / "plain"
    with monkeypatch.context() as patched:
        patched.setattr("runbook.remote.export.ExportFolder", DyingFolder)
        patched.setattr(DyingFolder, "left", number)
        patched.setattr(DyingFolder, "halfway", halfway)
        with pytest.raises(CrashError):
            export(vault, manifest, to)
    left = files_in(to)
    assert left.items() <= whole.items()
    assert ("README.txt" in left) == (number == FILES + 2 and not halfway)
    done = export(vault, manifest, to)
    assert files_in(to) == whole
    assert done.kept == len(left.keys() - {"README.txt", "export.json"})
    assert done.written == FILES - done.kept


def test_a_file_of_an_export_that_is_not_right_is_written_again(kept: FileVault, tmp_path: Path) -> None:
    manifest, to = plain(kept, tmp_path)
    export(kept, manifest, to)
    whole = files_in(to)
    for name in ("metadata.tar", f"images/{blob_path(LAYERS[0])}", f"images/{ROOT}/health"):
        data = whole[name]
        (to / name).write_bytes(b"!" + data[1:])
    assert (export(kept, manifest, to).written, files_in(to)) == (3, whole)


def test_a_folder_that_holds_anything_else_is_refused_and_left_as_it_is(
    kept: FileVault, tmp_path: Path
) -> None:
    manifest, to = plain(kept, tmp_path)
    to.mkdir()
    (to / "mine").write_bytes(b"mine")
    with pytest.raises(
        RefusedError, match=f"it is not empty, and no export of prod {manifest.id} was begun there"
    ):
        export(kept, manifest, to)
    assert files_in(to) == {"mine": b"mine"}


def test_the_export_of_another_point_is_refused(kept: FileVault, tmp_path: Path) -> None:
    manifest, to = plain(kept, tmp_path)
    export(kept, manifest, to)
    other = publish_point(kept, MemoryStorage(TREE), hour=2)
    with pytest.raises(RefusedError, match=f"no export of prod {other.id} was begun there"):
        export(kept, other, to)
    (to / "export.json").write_text("no json")
    with pytest.raises(RefusedError, match="it is not empty"):
        export(kept, manifest, to)


def test_what_does_not_fit_is_refused_before_the_first_file(
    kept: FileVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, to = plain(kept, tmp_path)
    free = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(export_folder.shutil, "disk_usage", lambda _: free)
    with pytest.raises(RefusedError, match=r"MB are to be written and 0.1 MB are free"):
        export(kept, manifest, to)
    assert files_in(to).keys() == {"export.json"}


def with_index(vault: FileVault, manifest: Manifest, entries: list[IndexEntry]) -> Manifest:
    """Return the manifest of the same point with this index."""
    key = part_key(CLUSTER, manifest.id, INDEX)
    vault.delete(key)
    part = write_index(vault, key, ImageIndex(entries), [RECIPIENT])
    objects: Mapping[str, object] = {**manifest.objects, INDEX: part}
    return Manifest(**{**vars(manifest), "objects": objects})


@pytest.mark.parametrize(
    "path", ["../out", "a/../../out", "/out", "a//b", "./a", "a/", "a\0b", "..", "x" * 300, "\ud800"]
)
def test_a_path_that_leads_out_of_the_folder_or_is_none_is_refused_before_the_first_file(
    kept: FileVault, tmp_path: Path, path: str
) -> None:
    manifest, to = plain(kept, tmp_path)
    odd = with_index(kept, manifest, [IndexEntry(path, 1, "", Held.INLINE, data=b"!")])
    with pytest.raises(RefusedError):
        export(kept, odd, to)
    assert files_in(to).keys() == {"export.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"vault", "plain"}


def test_a_link_in_the_folder_leads_nowhere(kept: FileVault, tmp_path: Path) -> None:
    manifest, to = plain(kept, tmp_path)
    export(kept, manifest, to)
    shutil.rmtree(to / "images")
    (tmp_path / "elsewhere").mkdir()
    (to / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="it stands where a folder of the export is to be"):
        export(kept, manifest, to)
    assert files_in(tmp_path / "elsewhere") == {}


def test_an_object_that_is_a_folder_too_cannot_be_exported_and_says_so(
    kept: FileVault, tmp_path: Path
) -> None:
    manifest, to = plain(kept, tmp_path)
    both = [IndexEntry(path, 1, "", Held.INLINE, data=b"!") for path in ("a", "a/b")]
    with pytest.raises(RefusedError, match="it stands where a folder of the export is to be"):
        export(kept, with_index(kept, manifest, both), to)


def test_damage_in_the_vault_is_never_exported(vault: Vault, tmp_path: Path) -> None:
    manifest, to = plain(vault, tmp_path)
    keys = {e.path: e.key for e in read_index(vault, part_key(CLUSTER, manifest.id, INDEX), IDENTITY)}
    path = blob_path(LAYERS[1])
    export(vault, manifest, to)
    (to / "images" / path).unlink()
    vault.put_bytes(f"{CLUSTER}/{keys[path]}", b"!" + LAYERS[1][1:])
    with pytest.raises(MismatchError, match="the index says 300 and"):
        export(vault, manifest, to)
    assert not (to / "images" / path).exists()
    assert not (to / "README.txt").exists()
    vault.delete(f"{CLUSTER}/{keys[path]}")
    with pytest.raises(MismatchError, match="vanished from the vault"):
        export(vault, manifest, to)


def test_a_part_that_is_not_what_the_manifest_names_is_never_exported(
    kept: FileVault, tmp_path: Path
) -> None:
    manifest, to = plain(kept, tmp_path)
    other = publish_point(kept, MemoryStorage(TREE), hour=2, rows={**ROWS, "crons": [{"id": "x"}]})
    swapped = kept.get_bytes(part_key(CLUSTER, other.id, METADATA))
    kept.put_bytes(part_key(CLUSTER, manifest.id, METADATA), swapped)
    with pytest.raises(MismatchError, match="not what its manifest names"):
        export(kept, manifest, to)
    assert files_in(to).keys() == {"export.json"}


def test_id_named_blobs_are_hashed_against_the_metadata(
    kept: FileVault, endpoint: Endpoint, tmp_path: Path
) -> None:
    blobs = [{"sha256sum": digest_of(data), "id": f"{n}f-x"} for n, data in enumerate((CONFIG, *LAYERS))]
    tree = {id_path(row["id"]): data for row, data in zip(blobs, (CONFIG, *LAYERS), strict=True)}
    vault, storage = (
        S3Vault(endpoint.client, endpoint.new_bucket()),
        S3Storage(endpoint.client, endpoint.new_bucket()),
    )
    for path, data in tree.items():
        storage.put_bytes(path, data)
    manifest = publish_point(vault, storage, rows={**ROWS, "blobs": blobs})
    export(vault, manifest, tmp_path / "plain")
    assert files_in(tmp_path / "plain" / "images") == tree
    vault.put_bytes(f"{CLUSTER}/blobs/id/1f/1f-x", b"!" + LAYERS[0][1:])
    with pytest.raises(MismatchError, match="1f-x: it has 300 bytes and sha256"):
        export(vault, manifest, tmp_path / "again")
