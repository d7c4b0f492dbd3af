import io
import os
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.connection import ClusterConnection
from blocks.limits import SizeBandSettings
from runbook.domain.disaster import Unfinished
from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError
from runbook.domain.metadata import expected_tables
from runbook.domain.versions import parse_version
from runbook.remote.encryption import generate_identity
from runbook.remote.unfinished import note_begun, unfinished_restore
from runbook.remote.vault_file import PARTIAL
from tasks.recovery_points import Begun, begin_point, check_vault, stream_metadata
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.points import take_point


def archive_of(version: str = "2.9.29") -> bytes:
    """A whole archive as the bootstrapper writes it, with one row of settings."""
    buffer = io.BytesIO()
    root = f"dtr-backup-v{version}-online/rethink"
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for table in expected_tables(parse_version(version)):
            folder = tarfile.TarInfo(f"{root}/{table}")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        row = tarfile.TarInfo(f"{root}/properties/0")
        row.size = 2
        tar.addfile(row, io.BytesIO(b"{}"))
    return buffer.getvalue()


@pytest.fixture
def begun(cluster: FakeCluster) -> Begun:
    cluster.replicas = [alive(1)]
    return begin_point.fn(cluster)


def stored(cluster: FakeCluster) -> list[str]:
    return [seen.key for seen in cluster.vault.list("")]


def test_a_whole_archive_is_kept_and_its_tables_are_counted(cluster: FakeCluster, begun: Begun) -> None:
    cluster.bootstrapper.archive = archive_of()
    summary = stream_metadata.fn(cluster, begun)
    assert summary.tables["properties"] == 1
    assert stored(cluster) == [f"lab/points/{begun.id}/metadata.tar.zst.age"]


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (archive_of()[:5120], "cut off"),
        (b"", "empty"),
        (archive_of("2.8.5"), "of version 2.8.5, the registry runs 2.9.29"),
    ],
    ids=["truncated", "empty", "other version"],
)
def test_an_archive_that_is_not_whole_is_not_kept_although_the_bootstrapper_ended_well(
    cluster: FakeCluster, begun: Begun, archive: bytes, words: str
) -> None:
    cluster.bootstrapper.archive = archive
    with pytest.raises(MismatchError, match=words):
        stream_metadata.fn(cluster, begun)
    assert stored(cluster) == []


def test_a_whole_archive_of_a_bootstrapper_that_failed_is_not_kept(
    cluster: FakeCluster, begun: Begun
) -> None:
    cluster.bootstrapper.archive = archive_of()
    cluster.bootstrapper.failure = RefusedError("dtr1", "FATA lost the database", "look there")
    with pytest.raises(RefusedError, match="lost the database"):
        stream_metadata.fn(cluster, begun)
    assert stored(cluster) == []


def test_no_point_is_begun_without_quorum(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1), dead(2), dead(3)]
    with pytest.raises(RefusedError, match="no quorum, no backup: 3 replicas, 1 healthy"):
        begin_point.fn(cluster)
    assert stored(cluster) == []


def test_a_point_is_read_from_a_healthy_replica(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1), alive(2), alive(3)]
    assert begin_point.fn(cluster).replica_id == IDS[1]


def test_an_empty_vault_is_a_warning_and_blocks_nothing(cluster: FakeCluster) -> None:
    (finding,) = check_vault.fn(cluster)
    assert (finding.level, finding.what) == ("warning", "there is no verified recovery point")


def test_an_identity_that_opens_nothing_blocks(cluster: FakeCluster) -> None:
    cluster.identity, recipient = generate_identity()
    finding, _ = check_vault.fn(cluster)
    assert (finding.level, finding.where, finding.error) == ("blocks", "vault.identity", InvalidConfigError)
    assert f"encrypted for {recipient}, which is none of vault.recipients" in finding.what
    cluster.settings.vault.recipients.append(recipient)
    assert [found.level for found in check_vault.fn(cluster)] == ["warning"]


def test_an_identity_that_is_not_there_blocks_and_is_named(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path)
    settings = cluster.settings.vault.model_copy(update={"identity": f"file:{tmp_path}/absent"})
    connection = ClusterConnection(
        cluster.settings.model_copy(
            update={"vault": settings.model_copy(update={"url": f"file://{tmp_path}"})}
        )
    )
    finding, _ = check_vault.fn(connection)
    assert (finding.level, finding.where) == ("blocks", f"file:{tmp_path}/absent")
    assert finding.what == "cannot be read: No such file or directory"
    assert finding.next_step == "write the secret there, mode 0600"


def test_a_published_point_closes_the_matter_of_an_older_restore(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    note_begun(cluster.vault, "lab", Unfinished("20200101T013000Z-0123abcd", IDS[0]))
    assert "`runbook backup` closes the matter" in check_vault.fn(cluster)[0].next_step
    take_point(cluster)
    assert unfinished_restore(cluster.vault, "lab") is None
    (finding,) = check_vault.fn(cluster)
    assert finding.what.startswith("newest verified recovery point")


def test_a_point_that_is_not_proven_leaves_the_older_restore_on_record(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    note_begun(cluster.vault, "lab", Unfinished("20200101T013000Z-0123abcd", IDS[0]))
    cluster.bootstrapper.archive = archive_of()[:5120]
    with pytest.raises(MismatchError):
        stream_metadata.fn(cluster, begin_point.fn(cluster))
    assert unfinished_restore(cluster.vault, "lab")


def test_the_band_of_sizes_is_the_cluster_files(cluster: FakeCluster, begun: Begun) -> None:
    cluster.bootstrapper.archive = archive_of()
    shrunk = replace(begun, previous_size=10_000_000)
    with pytest.raises(MismatchError, match=r"bytes, less than 0\.5 times the 10000000 bytes"):
        stream_metadata.fn(cluster, shrunk)
    cluster.settings.vault.size_band = SizeBandSettings(smallest=0)
    assert stream_metadata.fn(cluster, shrunk).bytes_plain < 5_000_000


def test_a_backup_clears_away_what_a_killed_one_left(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    partial = cluster.folder / PARTIAL
    partial.mkdir(exist_ok=True)
    for name, age in (("0a-1", 2 * 86400), ("0b-1", 60)):
        (partial / name).touch()
        os.utime(partial / name, (time.time() - age, time.time() - age))
    begin_point.fn(cluster)
    assert [file.name for file in partial.glob("0*")] == ["0b-1"]
