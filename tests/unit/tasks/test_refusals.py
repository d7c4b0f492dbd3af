"""Why a backup that came to its end may still be no recovery point: each refusal says what it found."""

import io
import json
from pathlib import Path
from typing import BinaryIO

import pytest

from runbook.domain.errors import MismatchError, NewerFormatError, RefusedError, UnreachableError
from runbook.domain.metadata import SizeBand
from runbook.domain.recovery import INDEX, MANIFEST, METADATA, SIDECAR, part_key, select_point
from runbook.remote.encryption import generate_identity
from runbook.remote.recovery_points import list_points
from runbook.remote.vault_file import FileVault
from tasks.recovery_points import begin_point, stream_metadata
from tasks.vault import check_vault
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.folder_storage import FolderStorage
from tests.fakes.metadata_archive import TABLES, archive, digest_of
from tests.fakes.points import take_point
from tests.fakes.scheduler import GC, SATURDAY
from tests.fakes.small_registry import FIRST_IMAGE, SmallCluster
from tests.fakes.step_run import back_up

KEYS = generate_identity()
LAYER = next(iter(FIRST_IMAGE.blobs.values()))


@pytest.fixture
def small(tmp_path: Path) -> SmallCluster:
    for name in ("storage", "vault", "registry"):
        (tmp_path / name).mkdir()
    cluster = SmallCluster(
        tmp_path / "registry", FolderStorage(tmp_path / "storage"), FileVault(tmp_path / "vault"), KEYS
    )
    cluster.push_first_image()
    return cluster


def assert_nothing_published(cluster: SmallCluster) -> None:
    assert [point.problem for point in list_points(cluster.vault, "lab")] == [
        "it was never finished: it has no manifest"
    ]
    assert cluster.small.crons()[GC] == SATURDAY


class FlippingVault(FileVault):
    """A folder whose disk turns a bit of one file."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root)
        self._name = name

    def open(self, key: str) -> BinaryIO:
        with super().open(key) as file:
            data = bytearray(file.read())
        if key.endswith(self._name):
            data[len(data) // 2] ^= 1
        return io.BytesIO(bytes(data))


@pytest.mark.parametrize("name", [METADATA, INDEX, SIDECAR])
def test_a_vault_that_reads_back_other_than_was_written_holds_no_point(
    small: SmallCluster, name: str
) -> None:
    small.vault = FlippingVault(small.vault.root, name)
    with pytest.raises(
        MismatchError, match=rf"(?s)reads back other than it was written: {name}: .*\nNext: nothing was publ"
    ):
        back_up(small)
    assert_nothing_published(small)


def test_an_identity_that_opens_nothing_proves_nothing(small: SmallCluster) -> None:
    small.identity, _ = generate_identity()
    with pytest.raises(MismatchError, match=f"{INDEX}: it cannot be decrypted"):
        back_up(small)
    assert_nothing_published(small)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            archive(tables=[table for table in TABLES if table not in {"tags", "blobs"}]),
            "it lacks the tables blobs, tags",
        ),
        (archive({"properties": []}), "its table properties has no row"),
        (archive()[:-10_240], "cut off after"),
        (archive() + b"more", "cut off after|data after its end"),
    ],
    ids=["tables", "rows", "end blocks", "more after the end"],
)
def test_an_archive_is_refused_for_what_it_lacks_and_the_words_name_it(
    cluster: FakeCluster, content: bytes, words: str
) -> None:
    cluster.replicas = [alive(1)]
    cluster.bootstrapper.archive = content
    with pytest.raises(MismatchError, match=words):
        stream_metadata.fn(cluster, begin_point.fn(cluster))
    assert list(cluster.vault.list("")) == []


def test_an_archive_far_smaller_than_the_last_is_refused_with_both_sizes(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    take_point(cluster, events=({"text": "x" * 3 * SizeBand().floor},))
    cluster.bootstrapper.archive = archive()
    with pytest.raises(
        MismatchError, match=r"it has \d+ bytes, less than 0.5 times the \d+ bytes of the previous"
    ):
        stream_metadata.fn(cluster, begin_point.fn(cluster))


def test_a_blob_that_vanishes_under_the_hold_is_a_finding_and_no_retry(small: SmallCluster) -> None:
    """It was copied before the hold, and is named by a tag; only garbage collection or a person takes it away."""
    steps: list[str] = []

    def before(step: str) -> None:
        steps.append(step)
        if step == "stream_metadata":
            (vanishing,) = (f for f in small.storage.folder.iterdir() if f.read_bytes() == LAYER)
            vanishing.unlink()

    words = f"1 references dangle, first: org/app:v1: {digest_of(LAYER)} is not in the image snapshot"
    with pytest.raises(MismatchError, match=words) as refused:
        back_up(small, before=before)
    assert not isinstance(refused.value, UnreachableError)  # the one kind that is tried again
    assert (steps.count("prove_point"), "seal_point" in steps) == (1, False)
    assert_nothing_published(small)


NEWER = "20991231T235959Z-0a1b2c3d"


def newer_point(cluster: FakeCluster) -> None:
    text = json.dumps({"format_version": 2, "id": NEWER}).encode()
    cluster.vault.put_bytes(part_key("lab", NEWER, MANIFEST), text)


WORDS = "it has format version 2, this program reads up to 1\nNext: use the newer version of this program"


def test_no_point_is_begun_in_a_vault_that_a_later_version_writes(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    newer_point(cluster)
    with pytest.raises(NewerFormatError, match=f"point {NEWER}: {WORDS}"):
        begin_point.fn(cluster)


def test_no_older_point_is_chosen_silently_where_a_later_version_wrote_a_newer_one(
    cluster: FakeCluster,
) -> None:
    cluster.replicas = [alive(1)]
    older = take_point(cluster)
    newer_point(cluster)
    points = list_points(cluster.vault, "lab")
    with pytest.raises(NewerFormatError, match=WORDS):
        select_point(points)
    assert select_point(points, older.id) == older
    with pytest.raises(RefusedError, match="it has format version 2"):
        select_point(points, NEWER)


def test_a_check_warns_of_a_vault_that_a_later_version_writes(cluster: FakeCluster) -> None:
    newer_point(cluster)
    finding = check_vault.fn(cluster)[0]
    assert (finding.level, f"{finding.what}\nNext: {finding.next_step}") == ("warning", WORDS)
    assert NEWER in finding.where
