from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runbook.domain.errors import MismatchError, NotReadyError, UnreachableError
from runbook.domain.holds import Crons
from runbook.domain.locks import LEASE, LockRecord
from runbook.remote import holds
from runbook.remote.encryption import generate_identity
from runbook.remote.holds import current_hold
from runbook.remote.locks import lock_key
from runbook.remote.recovery_points import write_sidecar
from tasks.holds import (
    check_hold,
    hold_garbage_collection,
    release_hold,
    release_stale_hold,
    restore_schedules,
)
from tasks.vault import check_vault
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.manifests import MANIFEST
from tests.fakes.registry_server import registry_server
from tests.fakes.scheduler import GC, LICENCE, SATURDAY, FakeScheduler

POINT = replace(MANIFEST, cluster="lab")


def test_a_hold_that_is_released_leaves_everything_as_it_was(cluster: FakeCluster) -> None:
    before = dict(cluster.admin.rows)
    record = hold_garbage_collection.fn(cluster)
    assert record.crons == {GC: SATURDAY}
    assert cluster.admin.rows == {"license_update": LICENCE}
    release_hold.fn(cluster)
    assert cluster.admin.rows == before
    assert current_hold(cluster.vault, "lab") is None
    release_hold.fn(cluster)
    assert cluster.admin.rows == before


def test_a_registry_that_collects_no_garbage_is_held_and_released_all_the_same(cluster: FakeCluster) -> None:
    cluster.admin.delete_cron(GC)
    assert hold_garbage_collection.fn(cluster).crons == {}
    release_hold.fn(cluster)
    assert cluster.admin.rows == {"license_update": LICENCE}


def test_a_hold_that_garbage_collection_does_not_let_begin_is_released_like_any_other(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "LOOKS_EVERY", 0.001)
    monkeypatch.setattr(holds, "RUNNING_JOB_ENDS_WITHIN", 0.05)
    before = dict(cluster.admin.rows)
    cluster.admin.busy = 10**9
    with pytest.raises(NotReadyError, match="garbage collection runs: onlinegc"):
        hold_garbage_collection.fn(cluster)
    release_hold.fn(cluster)
    assert cluster.admin.rows == before


def test_a_forgotten_hold_is_found_by_check_and_released_by_the_next_backup(cluster: FakeCluster) -> None:
    before = dict(cluster.admin.rows)
    died = hold_garbage_collection.fn(cluster)
    finding = check_vault.fn(cluster)[0]
    assert finding.level == "warning"
    assert f"is held since {died.since:%Y-%m-%d %H:%M:%S} UTC by run {died.owner}, which died" in finding.what
    assert finding.next_step == "run `runbook release-hold`; a backup does it too"
    assert release_stale_hold.fn(cluster) == died
    assert cluster.admin.rows == before
    assert not any("is held" in finding.what for finding in check_vault.fn(cluster))


def test_a_hold_of_a_run_that_lives_is_no_worry(cluster: FakeCluster) -> None:
    held = hold_garbage_collection.fn(cluster)
    now = datetime.now(UTC)
    lock = LockRecord(held.owner, "backup", "admin1", now, now + LEASE)
    cluster.vault.put_bytes(lock_key("lab"), lock.to_json())
    finding = check_vault.fn(cluster)[0]
    assert (finding.level, "which lives" in finding.what) == ("ok", True)
    seen = check_hold.fn(cluster)
    assert seen
    assert seen.why_kept


def test_a_dead_runs_hold_is_released_at_the_registrys_own_api_and_the_schedule_is_what_it_was(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry_server() as cluster.server:
        before = _crons(cluster)
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "11111111-1111-1111-1111-111111111111")
        hold_garbage_collection.fn(cluster)
        assert _crons(cluster) == {}
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "22222222-2222-2222-2222-222222222222")
        release_hold.fn(cluster)  # another run's finaliser
        assert _crons(cluster) == {}
        died = release_stale_hold.fn(cluster)
        assert died
        assert died.owner.startswith("11111111")
        assert _crons(cluster) == before
    assert current_hold(cluster.vault, "lab") is None


def test_a_hold_stays_on_record_while_no_replica_can_be_told_to_release_it(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold_garbage_collection.fn(cluster)
    with registry_server() as cluster.server:
        cluster.server.fails_with = 503
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "22222222-2222-2222-2222-222222222222")
        with pytest.raises(UnreachableError):
            release_stale_hold.fn(cluster)
    kept = current_hold(cluster.vault, "lab")
    assert kept
    assert kept.crons == held.crons


def test_with_no_hold_there_is_nothing_to_look_at(cluster: FakeCluster) -> None:
    assert check_hold.fn(cluster) is None


@pytest.mark.parametrize(
    ("kept", "deadline"), [({GC: SATURDAY}, "3h"), ({GC: SATURDAY["schedule"]}, "")], ids=["whole", "old"]
)
def test_a_restore_schedules_garbage_collection_as_the_point_knew_it(
    cluster: FakeCluster, kept: dict[str, object], deadline: str
) -> None:
    _point_with(cluster, kept)
    cluster.admin.delete_cron(GC)
    restore_schedules.fn(cluster, POINT)
    seen = cluster.admin.rows[GC]
    assert (seen["schedule"], seen["deadline"]) == (SATURDAY["schedule"], deadline)


def test_a_registry_that_does_not_take_the_points_schedule_is_a_mismatch(cluster: FakeCluster) -> None:
    _point_with(cluster, {GC: SATURDAY})
    cluster.scheduler = FakeScheduler(deaf=True)
    cluster.admin.delete_cron(GC)
    with pytest.raises(MismatchError, match="is not scheduled as before: onlinegc is never and was 0 0 3"):
        restore_schedules.fn(cluster, POINT)


def _point_with(cluster: FakeCluster, held: dict[str, object]) -> None:
    cluster.identity, recipient = generate_identity()
    write_sidecar(cluster.vault, "lab", POINT.id, {"held_schedules": held}, [recipient])


def _crons(cluster: FakeCluster) -> Crons:
    with cluster.admin as admin:
        return admin.crons()  # type: ignore[no-any-return]
