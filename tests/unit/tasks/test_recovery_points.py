import io
import os
import tarfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.connection import ClusterConnection
from blocks.limits import SizeBandSettings
from runbook.domain.disaster import Unfinished
from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError
from runbook.domain.escrow import EscrowProbe
from runbook.domain.verification import Damage, Mode
from runbook.domain.versions import archive_tables, parse_version
from runbook.remote.encryption import generate_identity, recipient_of
from runbook.remote.escrow import prove_identity, record_probe
from runbook.remote.recovery_points import GONE
from runbook.remote.unfinished import note_begun, unfinished_restore
from runbook.remote.vault_file import PARTIAL
from runbook.remote.verifications import change_state
from tasks.recovery_points import Begun, begin_point, stream_metadata
from tasks.vault import check_vault
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.points import take_point


def archive_of(version: str = "2.9.29") -> bytes:
    """A whole archive as the bootstrapper writes it, with one row of settings."""
    buffer = io.BytesIO()
    root = f"dtr-backup-v{version}-online/rethink"
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for table in archive_tables(parse_version(version)):
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


@pytest.fixture
def escrow(cluster: FakeCluster) -> SecretStr:
    """The identity of a second recipient, which no machine has."""
    cluster.replicas = [alive(1)]
    identity, recipient = generate_identity()
    cluster.settings.vault.recipients.append(recipient)
    return identity


def test_a_recipient_whose_key_never_opened_a_point_is_a_warning_until_it_did(
    cluster: FakeCluster, escrow: SecretStr
) -> None:
    point = take_point(cluster)
    found, _ = check_vault.fn(cluster)
    assert (found.level, found.where) == ("warning", f"recipient {recipient_of(escrow)}")
    assert found.what == "its identity was never proven to open a recovery point"
    assert "runbook points escrow-probe --identity file:PATH" in found.next_step
    then = datetime.now(UTC) - timedelta(days=179)
    record_probe(cluster.vault, "lab", prove_identity(cluster.vault, point, escrow, point.objects, then))
    assert [finding.level for finding in check_vault.fn(cluster)] == ["ok"]
    cluster.settings.vault.escrow_probe_days = 178
    assert "more than 178 days ago" in check_vault.fn(cluster)[0].what


def test_a_configured_escrow_identity_is_proven_with_each_backup(
    cluster: FakeCluster, escrow: SecretStr
) -> None:
    cluster.escrow_identity = escrow
    point = take_point(cluster)
    probe = cluster.vault.get_bytes(f"lab/escrow/{recipient_of(escrow)}.json")
    assert EscrowProbe.from_json(probe).point == point.id
    cluster.escrow_identity = None
    assert [finding.level for finding in check_vault.fn(cluster)] == ["ok"]


def test_an_escrow_identity_that_opens_nothing_stops_the_backup_before_the_point_counts(
    cluster: FakeCluster, escrow: SecretStr
) -> None:
    cluster.escrow_identity, stranger = generate_identity()
    with pytest.raises(RefusedError, match=f"{stranger}, for which the point was not encrypted"):
        take_point(cluster)
    assert not any(key.endswith("manifest.json") for key in stored(cluster))
    assert ("blocks", "vault.escrow_identity") in [(f.level, f.where) for f in check_vault.fn(cluster)]


def test_each_identity_alone_opens_every_part(cluster: FakeCluster, escrow: SecretStr) -> None:
    point = take_point(cluster)
    now = datetime.now(UTC)
    for identity in (cluster.identity, escrow):
        assert prove_identity(cluster.vault, point, identity, sorted(point.objects), now).point == point.id
    stranger, _ = generate_identity()
    with pytest.raises(RefusedError, match="not encrypted"):
        prove_identity(cluster.vault, point, stranger, sorted(point.objects), now)


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


def test_a_point_that_is_gone_without_a_word_is_a_warning(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    point = take_point(cluster)
    for seen in list(cluster.vault.list(f"lab/points/{point.id}/")):
        cluster.vault.delete(seen.key)
    found = [f for f in check_vault.fn(cluster) if point.id in f.where]
    assert [(f.level, f.what) for f in found] == [("warning", GONE)]


def test_a_blob_that_is_known_to_be_damaged_makes_no_point(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    point = take_point(cluster)
    blob = next(seen for seen in cluster.vault.list("lab/blobs/") if seen.size > 100)
    damage = Damage(blob.key.removeprefix("lab/"), "it rots", blob.etag)
    then = (Mode.FULL, datetime.now(UTC))
    change_state(cluster.vault, "lab", lambda state: state.after(then, {point.id: [damage]}))
    with pytest.raises(
        MismatchError, match="is known to be damaged, and the registry needs it\nNext: delete it there"
    ):
        take_point(cluster)
    cluster.vault.delete(blob.key)
    assert take_point(cluster).verified
