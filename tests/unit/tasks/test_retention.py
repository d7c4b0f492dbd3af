from datetime import UTC, datetime

import pytest

from blocks.retention import RetentionSettings
from runbook.domain.disaster import Unfinished
from runbook.domain.errors import LockedError, RefusedError
from runbook.domain.locks import LEASE, LockRecord
from runbook.domain.recovery import INDEX, MANIFEST, blobs_prefix, part_key
from runbook.domain.retention import Verdict
from runbook.remote.catalogue import enter
from runbook.remote.encryption import generate_identity
from runbook.remote.locks import HeldLock
from runbook.remote.pins import pin
from runbook.remote.recovery_points import load_point
from runbook.remote.unfinished import note_begun
from tasks.retention import choose_expired, read_needed, remove_expired, sweep_unneeded
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.many_points import nightly_points, points_of
from tests.fakes.vaults import LOCKED, refusing, untouchable

NOW = datetime.now(UTC)
LOCK = HeldLock("lab", LockRecord("run-1", "prune", "admin1", NOW, NOW + LEASE), lambda: NOW)


@pytest.fixture
def ids(cluster: FakeCluster) -> list[str]:
    """Four nights of points, newest first, of which two are to stay."""
    cluster.settings.vault.retention = RetentionSettings(keep_last=2, minimum=1)
    return nightly_points(cluster, 4)


def blobs(cluster: FakeCluster) -> int:
    return len(list(cluster.vault.list(blobs_prefix("lab"))))


def expired(identifier: str) -> Verdict:
    return Verdict(identifier, False, ("no rule keeps it",))


def test_a_look_decides_and_writes_nothing(cluster: FakeCluster, ids: list[str]) -> None:
    cluster.vault = untouchable(cluster.vault)  # type: ignore[assignment]
    assert choose_expired.fn(cluster).removed == tuple(ids[2:])


def test_with_the_vaults_clock_measured_nothing_is_left_either(cluster: FakeCluster, ids: list[str]) -> None:
    before = list(cluster.vault.list(""))
    assert choose_expired.fn(cluster, None, False).removed == tuple(ids[2:])
    assert list(cluster.vault.list("")) == before


def test_a_backup_to_come_counts_where_it_is_asked_for(cluster: FakeCluster, ids: list[str]) -> None:
    assert choose_expired.fn(cluster, None, True, True).removed == tuple(ids[1:])


def test_pins_and_an_unfinished_restore_are_seen(cluster: FakeCluster, ids: list[str]) -> None:
    pin(cluster.vault, "lab", ids[2], "Ada")
    note_begun(cluster.vault, "lab", Unfinished(ids[3], "aaaaaaaaaaaa"))
    planned = choose_expired.fn(cluster)
    assert planned.removed == ()
    assert [verdict.because for verdict in planned.verdicts[2:]] == [
        "pinned: Ada",
        "a restore of it has begun and is not proven",
    ]


def test_the_number_that_may_go_at_once_is_that_of_the_run_or_of_the_cluster_file(
    cluster: FakeCluster, ids: list[str]
) -> None:
    cluster.settings.vault.retention.most_at_once = 1
    assert choose_expired.fn(cluster).removed == ()
    assert choose_expired.fn(cluster, 2).removed == tuple(ids[2:])


def test_a_foreign_folder_is_seen(cluster: FakeCluster, ids: list[str]) -> None:
    cluster.vault.put_bytes(f"lab/points/{ids[3]}.keep/manifest.json", b"{}")
    refusal = choose_expired.fn(cluster).refusal
    assert refusal
    assert f"first: {ids[3]}.keep" in refusal.what


def test_what_stays_is_read_and_what_goes_is_not(cluster: FakeCluster, ids: list[str]) -> None:
    cluster.vault.delete(part_key("lab", ids[3], INDEX))
    needed = read_needed.fn(cluster, choose_expired.fn(cluster))
    assert (needed.points, len(needed)) == (set(ids[:2]), 2)


def test_a_point_that_stays_and_cannot_be_read_is_refused(cluster: FakeCluster, ids: list[str]) -> None:
    planned = choose_expired.fn(cluster)
    cluster.identity = generate_identity()[0]
    with pytest.raises(RefusedError, match=r"which image data it needs is not known: it cannot be decrypted"):
        read_needed.fn(cluster, planned)


def test_a_point_goes_and_a_second_removal_changes_nothing(cluster: FakeCluster, ids: list[str]) -> None:
    for _ in range(2):
        done = remove_expired.fn(cluster, expired(ids[3]), LOCK)
        assert str(done) == f"{ids[3]}: remove recovery point (no rule keeps it)"
        assert points_of(cluster) == ids[:3]


def test_a_point_that_was_pinned_since_it_was_judged_stays_and_says_why(
    cluster: FakeCluster, ids: list[str]
) -> None:
    pin(cluster.vault, "lab", ids[3], "Ada")
    done = remove_expired.fn(cluster, expired(ids[3]), LOCK)
    assert (done.action, done.reason) == ("keep", "pinned by now: Ada")
    assert points_of(cluster) == ids


def test_a_point_that_the_vault_refuses_to_delete_is_kept_with_the_reason(
    cluster: FakeCluster, ids: list[str]
) -> None:
    cluster.vault = refusing(cluster.vault, ids[3])  # type: ignore[assignment]
    done = remove_expired.fn(cluster, expired(ids[3]), LOCK)
    assert (done.action, done.reason) == ("keep", f"the vault refuses to delete it: {LOCKED}")


def test_without_the_lock_nothing_is_removed(cluster: FakeCluster, ids: list[str]) -> None:
    lost = HeldLock("lab", LOCK.record, lambda: NOW + LEASE)
    needed = read_needed.fn(cluster, choose_expired.fn(cluster))
    for act in (
        lambda: remove_expired.fn(cluster, expired(ids[3]), lost),
        lambda: sweep_unneeded.fn(cluster, needed, lost),
    ):
        with pytest.raises(LockedError):
            act()
    assert (points_of(cluster), blobs(cluster)) == (ids, 4)


def test_a_sweep_after_which_the_grace_has_ended_leaves_what_the_points_need(
    cluster: FakeCluster, ids: list[str]
) -> None:
    needed = read_needed.fn(cluster, choose_expired.fn(cluster))
    for identifier in ids[2:]:
        remove_expired.fn(cluster, expired(identifier), LOCK)
    first = sweep_unneeded.fn(cluster, needed, LOCK)
    assert (first.action, first.what) == ("keep", "image data")
    assert first.reason == "2 blobs are needed, 2 are not, for less than 48 h"
    cluster.settings.vault.retention.grace_hours = 0
    assert sweep_unneeded.fn(cluster, needed, LOCK).what == "2 blobs of 0.0 MB"
    assert blobs(cluster) == 2


def test_a_point_that_was_not_removed_after_all_keeps_its_image_data(
    cluster: FakeCluster, ids: list[str]
) -> None:
    needed = read_needed.fn(cluster, choose_expired.fn(cluster))
    cluster.settings.vault.retention.grace_hours = 0
    sweep_unneeded.fn(cluster, needed, LOCK)
    assert (points_of(cluster), blobs(cluster)) == (ids, 4)


def test_blobs_that_the_vault_refuses_to_delete_are_in_the_report(
    cluster: FakeCluster, ids: list[str]
) -> None:
    needed = read_needed.fn(cluster, choose_expired.fn(cluster))
    remove_expired.fn(cluster, expired(ids[3]), LOCK)
    cluster.settings.vault.retention.grace_hours = 0
    cluster.vault = refusing(cluster.vault, "/blobs/")  # type: ignore[assignment]
    done = sweep_unneeded.fn(cluster, needed, LOCK)
    assert (done.action, "the vault refuses to delete 1, first lab/blobs/" in done.reason) == ("keep", True)
    assert "it is locked" in done.reason


def test_an_unfinished_point_is_called_what_is_left_of_one(cluster: FakeCluster, ids: list[str]) -> None:
    left = "20200101T013000Z-0123abcd"
    cluster.vault.put_bytes(part_key("lab", left, INDEX), b"half")
    (verdict,) = [verdict for verdict in choose_expired.fn(cluster).going if verdict.id == left]
    done = remove_expired.fn(cluster, verdict, LOCK)
    assert (done.where, done.what) == (left, "what a run has left of a point")
    assert done.reason == "it is not whole, and more than a day old"
    assert points_of(cluster) == ids


def test_nothing_goes_while_somebody_has_deleted_the_manifest_of_a_point(
    cluster: FakeCluster, ids: list[str]
) -> None:
    enter(cluster.vault, load_point(cluster.vault, "lab", ids[3]))
    cluster.vault.delete(part_key("lab", ids[3], MANIFEST))
    planned = choose_expired.fn(cluster)
    assert planned.removed == ()
    assert planned.refusal
    assert f"the catalogue names 1 points that have no manifest, first: {ids[3]}" in planned.refusal.what
