import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.recovery import MANIFEST, METADATA, part_key
from runbook.domain.sampling import budget_of
from runbook.domain.snapshot import blob_key
from runbook.domain.verification import Mode
from runbook.remote.recovery_points import publish
from runbook.remote.vault_file import FileVault
from tasks.recovery_points import begin_point
from tasks.restoration import choose_point
from tasks.vault import check_vault
from tasks.verification import as_findings, judge_vault, verify_points
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.metadata_archive import digest_of
from tests.fakes.points import LAYER, take_point


@pytest.fixture
def vault(cluster: FakeCluster) -> FileVault:
    cluster.replicas = [alive(1)]
    return cluster.vault


def test_a_sound_vault_is_judged_sound_and_the_report_says_what_was_read(
    cluster: FakeCluster, vault: FileVault
) -> None:
    take_point(cluster)
    report = verify_points.fn(cluster, Mode.SAMPLE, budget_of(percent=100))
    judge_vault.fn(cluster, report)
    (row,) = as_findings(vault.where, report)
    assert (row.level, row.what) == ("ok", report.sentence())
    assert report.sentence().startswith("sample: 1 points, 3 objects of theirs and 2 blobs read, 0.0 MB")


def test_a_vault_with_a_damage_is_a_mismatch_that_names_the_object_and_a_warning_of_check(
    cluster: FakeCluster, vault: FileVault
) -> None:
    point = take_point(cluster)
    vault.delete(part_key("lab", point.id, METADATA))
    report = verify_points.fn(cluster, Mode.QUICK, None)
    with pytest.raises(MismatchError) as judged:
        judge_vault.fn(cluster, report)
    gone = f"points/{point.id}/{METADATA} is not in the vault"
    assert judged.value.what == gone
    assert [row.what for row in as_findings(vault.where, report)] == [gone]
    damaged, none_left = check_vault.fn(cluster)
    assert (damaged.level, damaged.what.partition(" (")[0]) == (
        "warning",
        f"recovery point {point.id} is damaged: {gone}",
    )
    assert none_left.what == "there is no verified recovery point"


def test_a_restore_takes_the_newest_point_that_is_not_known_to_be_damaged(
    cluster: FakeCluster, vault: FileVault
) -> None:
    old, new = sorted((take_point(cluster), take_point(cluster)), key=lambda manifest: manifest.id)
    cluster.plane.identifier = new.cluster_id
    assert choose_point.fn(cluster, None).id == new.id
    vault.delete(part_key("lab", new.id, METADATA))
    verify_points.fn(cluster, Mode.QUICK, None)
    assert choose_point.fn(cluster, None).id == old.id
    assert (
        choose_point.fn(cluster, new.id).id == new.id
    )  # who names it, gets it: it is verified before it is used


def test_the_next_backup_copies_a_missing_image_again_and_the_older_points_are_whole(
    cluster: FakeCluster, vault: FileVault
) -> None:
    take_point(cluster)
    assert verify_points.fn(cluster, Mode.FULL, None).sound
    vault.delete(f"lab/{blob_key(digest_of(LAYER))}")
    assert not verify_points.fn(cluster, Mode.QUICK, None).sound
    take_point(cluster)
    assert [finding.level for finding in check_vault.fn(cluster)] == ["ok"]
    assert verify_points.fn(cluster, Mode.FULL, None).sound


def test_a_backup_enters_a_point_in_the_catalogue_whose_own_run_did_not_live_to(
    cluster: FakeCluster, vault: FileVault
) -> None:
    first, second = take_point(cluster), take_point(cluster)
    vault.delete(f"lab/catalogue/{second.id}.json")
    begin_point.fn(cluster)
    assert {seen.key for seen in vault.list("lab/catalogue/")} == {
        f"lab/catalogue/{first.id}.json",
        f"lab/catalogue/{second.id}.json",
        "lab/catalogue/next",
    }
    vault.delete(part_key("lab", second.id, MANIFEST))
    publish(vault, second)  # as the run that dies right after its manifest would be tried again by hand
    assert verify_points.fn(cluster, Mode.FULL, None).sound
