"""A pass over files of a node, through a real sshd, into a folder and into a bucket."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.image_index import IndexEntry
from runbook.domain.snapshot import StoredObject
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.ssh import SshConnection, SshTarget
from runbook.remote.ssh_command import SshCommand
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.folder_tree import read_tree, write_tree
from tests.fakes.stored_images import ROOT, blob_path, id_path, tree_of
from tests.integration.real_sshd import real_sshd
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

LAYERS = [f"layer {number} ".encode() * 500 for number in range(60)] + [b"", b"large" * 500_000]
TREE = tree_of("org/app", {"v1": [b"{1}", b"{2}"], "v1-rc": [b"{3}"]}, LAYERS) | {
    id_path("abcd"): b"named by an id",
    f"{ROOT}/repositories/org/app/_uploads/0c8c/data": b"half a layer",
    f"{ROOT}/repositories/org/app/_state": b"x" * 100_000,
    "a file\nwith an odd name": b"odd",
    "health": b"",
}
KEPT = {path: data for path, data in TREE.items() if "_uploads" not in path}


class CountingNode:
    """A node that remembers which commands were run on it."""

    def __init__(self, target: SshTarget) -> None:
        self.connection = SshConnection(target)
        self.programs: list[str] = []

    def start(self, argv: Sequence[str], **options: object) -> SshCommand:
        self.programs.append(" ".join(argv))
        return self.connection.start(argv, **options)  # type: ignore[arg-type]  # they are passed on


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshTarget]:
    with real_sshd(tmp_path_factory.mktemp("sshd")) as listening:
        yield listening


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture
def node(target: SshTarget) -> Iterator[CountingNode]:
    counting = CountingNode(target)
    with closing(counting.connection):
        yield counting


@pytest.fixture
def storage(node: CountingNode, tmp_path: Path) -> TreeStorage:
    write_tree(tmp_path / "volume", TREE)
    return TreeStorage(lambda: node, lambda: f"{tmp_path}/volume", "node:/volume")


@pytest.fixture(params=["folder", "bucket"])
def vault(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Vault:
    if request.param == "bucket":
        return S3Vault(endpoint.client, endpoint.new_bucket(), "vault")
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


@pytest.fixture
def folder(tmp_path: Path) -> FileVault:
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


def content(taken: PassResult, vault: Vault) -> dict[str, bytes]:
    return {
        entry.path: vault.get_bytes(f"prod/{entry.key}") if entry.key else entry.target.encode() or entry.data
        for entry in taken.index
    }


def test_every_file_of_the_node_is_kept_but_uploads(storage: TreeStorage, vault: Vault) -> None:
    taken = take_pass(storage, vault, "prod")
    assert taken.findings == []
    assert content(taken, vault) == KEPT


@pytest.mark.parametrize("window", [0, 5, 100])
def test_nobody_waits_for_what_tar_keeps_back(storage: TreeStorage, folder: FileVault, window: int) -> None:
    taken = take_pass(storage, folder, "prod", CopyLimits(window=window))
    assert content(taken, folder) == KEPT


def test_a_pass_is_one_listing_one_stream_and_no_command_per_file(
    storage: TreeStorage, folder: FileVault, node: CountingNode
) -> None:
    first = take_pass(storage, folder, "prod")
    commands = [program for program in node.programs if not program.startswith("cat ")]
    assert len(commands) == 3 and "tar --create" in commands[-1]
    assert (
        len(node.programs) - len(commands) == 4
    )  # _state twice, health, the odd name: nothing explains them
    node.programs.clear()
    second = take_pass(storage, folder, "prod")
    assert (first.copied, second.copied) == (len([path for path in TREE if "/blobs/" in path]) + 1, 0)
    assert not any("tar " in program for program in node.programs)


def test_a_blob_that_rots_or_vanishes_after_its_listing_is_a_finding_and_is_not_kept(
    storage: TreeStorage, vault: Vault, tmp_path: Path
) -> None:
    rotten, gone = blob_path(LAYERS[7]), blob_path(LAYERS[8])
    write_tree(tmp_path / "volume", {rotten: b"x" * len(LAYERS[7])})

    class Deleting(TreeStorage):
        def list_objects(self) -> Iterator[StoredObject]:
            for seen in super().list_objects():
                (tmp_path / "volume" / gone).unlink(missing_ok=True)
                yield seen

    taken = take_pass(Deleting(storage._machine, lambda: storage.root, "node"), vault, "prod")
    assert sorted(finding.split(" ")[0] for finding in taken.findings) == sorted((rotten, gone))
    assert content(taken, vault) == {path: KEPT[path] for path in KEPT if path not in {rotten, gone}}


def test_a_blob_that_grew_after_its_listing_is_a_finding(
    storage: TreeStorage, folder: FileVault, tmp_path: Path
) -> None:
    class Growing(TreeStorage):
        def list_objects(self) -> Iterator[StoredObject]:
            for seen in super().list_objects():
                (tmp_path / "volume" / id_path("abcd")).write_bytes(b"longer than it was listed")
                yield seen

    taken = take_pass(Growing(storage._machine, lambda: storage.root, "node"), folder, "prod")
    assert taken.findings == [f"{id_path('abcd')} has 25 bytes and was listed with 14"]


def test_a_folder_that_is_not_on_the_node_is_refused(node: CountingNode, folder: FileVault) -> None:
    with pytest.raises(RefusedError, match="there is no such folder"):
        take_pass(TreeStorage(lambda: node, lambda: "/none/there", "node:/none/there"), folder, "prod")


def test_a_connection_that_is_lost_midway_fails_the_pass(
    storage: TreeStorage, folder: FileVault, node: CountingNode
) -> None:
    class Cutting(TreeStorage):
        def list_objects(self) -> Iterator[StoredObject]:
            for number, seen in enumerate(super().list_objects()):
                if number == 40:
                    node.connection.close()
                yield seen

    with pytest.raises(UnreachableError, match="node"):
        take_pass(Cutting(storage._machine, lambda: storage.root, "node"), folder, "prod")


def test_an_emptied_node_is_filled_again_by_one_command(
    storage: TreeStorage, vault: Vault, node: CountingNode, tmp_path: Path
) -> None:
    taken = take_pass(storage, vault, "prod")
    (tmp_path / "new").mkdir()
    target = TreeStorage(lambda: node, lambda: f"{tmp_path}/new", "node:/new")
    node.programs.clear()
    restore_blobs(taken.index, vault, "prod", target)
    assert read_tree(tmp_path / "new") == KEPT
    assert len(node.programs) == 3  # two that list, one that unpacks
    again = restore_blobs(taken.index, vault, "prod", target)
    assert (again.skipped, again.written) == (
        len(KEPT) - 2,
        2,
    )  # of `health` and the odd name nothing is proven


def test_a_restore_that_was_cut_off_is_finished_by_the_next(
    storage: TreeStorage, folder: FileVault, node: CountingNode, target: SshTarget, tmp_path: Path
) -> None:
    taken = take_pass(storage, folder, "prod")
    (tmp_path / "new").mkdir()

    def cutting() -> Iterator[IndexEntry]:
        for number, entry in enumerate(taken.index):
            if number == 50:
                node.connection.close()
            yield entry

    filled = TreeStorage(lambda: node, lambda: f"{tmp_path}/new", "node:/new")
    with pytest.raises((UnreachableError, RefusedError)):
        restore_blobs(cutting(), folder, "prod", filled)
    again = CountingNode(target)
    with closing(again.connection):
        restore_blobs(
            taken.index, folder, "prod", TreeStorage(lambda: again, lambda: f"{tmp_path}/new", "node:/new")
        )
    assert read_tree(tmp_path / "new") == KEPT


def test_a_disk_that_is_full_is_named(storage: TreeStorage, folder: FileVault, node: CountingNode) -> None:
    taken = take_pass(storage, folder, "prod")
    with pytest.raises(RefusedError, match=r"No space left|Read-only|Permission denied|Cannot"):
        restore_blobs(
            taken.index, folder, "prod", TreeStorage(lambda: node, lambda: "/proc/self", "node:/proc")
        )
