from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError, NewerFormatError, NotReadyError
from runbook.domain.holds import Crons, HoldRecord
from runbook.remote import holds
from runbook.remote.hold_lease import release_abandoned
from runbook.remote.holds import current_hold, hold, hold_key, release
from runbook.remote.vault import AlreadyThereError, DeleteRefusedError
from runbook.remote.vault_file import FileVault
from tests.fakes.scheduler import GC, LICENCE, SATURDAY, FakeScheduler


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "LOOKS_EVERY", 0.001)
    monkeypatch.setattr(holds, "RUNNING_JOB_ENDS_WITHIN", 0.2)


def record(owner: str = "run-1") -> HoldRecord:
    return HoldRecord(owner, {GC: SATURDAY}, datetime(2026, 11, 22, 5, 0, tzinfo=UTC))


def test_a_hold_takes_only_garbage_collection_away_and_remembers_it(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    assert scheduler.rows == {"license_update": LICENCE}
    assert HoldRecord.from_json(vault.get_bytes(hold_key("prod"))) == record()


@pytest.mark.usefixtures("impatient")
def test_a_hold_waits_for_garbage_collection_that_runs_and_for_nothing_else(vault: FileVault) -> None:
    scheduler = FakeScheduler(busy=2)
    hold(vault, "prod", scheduler, record(), (GC,))
    assert scheduler.looks == 3


@pytest.mark.usefixtures("impatient")
def test_garbage_collection_that_never_ends_is_not_waited_for_for_ever_and_the_hold_can_be_released(
    vault: FileVault,
) -> None:
    scheduler = FakeScheduler(busy=10**9)
    with pytest.raises(
        NotReadyError, match="garbage collection runs: onlinegc\nNext: wait until it has ended"
    ):
        hold(vault, "prod", scheduler, record(), (GC,))
    assert current_hold(vault, "prod") == record()
    assert GC not in scheduler.rows
    release(vault, "prod", scheduler, "run-1")
    assert scheduler.rows[GC] == SATURDAY


def test_a_release_puts_the_whole_cron_back_and_forgets_the_hold(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    assert release(vault, "prod", scheduler, "run-1") == record()
    assert scheduler.rows == {GC: SATURDAY, "license_update": LICENCE}
    assert vault.head(hold_key("prod")) is None
    assert release(vault, "prod", scheduler, "run-1") is None


def test_a_hold_that_an_older_version_left_is_released_to_the_schedule_that_it_kept(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    scheduler.delete_cron(GC)
    kept = b'{"owner": "run-0", "schedules": {"onlinegc": "@daily"}, "since": "2026-11-22T05:00:00+00:00"}'
    vault.put_bytes(hold_key("prod"), kept)
    released = release_abandoned(vault, "prod", scheduler, "run-1")
    assert released is not None
    assert released.owner == "run-0"
    assert scheduler.rows[GC]["schedule"] == "@daily"
    assert vault.head(hold_key("prod")) is None


def test_a_second_try_of_the_same_run_keeps_the_cron_that_its_first_try_saw(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    nothing_left_to_see = HoldRecord("run-1", {}, record().since)
    assert hold(vault, "prod", scheduler, nothing_left_to_see, (GC,)).crons == {GC: SATURDAY}
    release(vault, "prod", scheduler, "run-1")
    assert scheduler.rows[GC] == SATURDAY


def test_a_hold_of_another_run_is_not_overwritten(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    with pytest.raises(AlreadyThereError):
        hold(vault, "prod", scheduler, record("run-2"), (GC,))


def test_a_registry_that_does_not_take_its_schedule_back_is_a_mismatch_and_stays_on_record(
    vault: FileVault,
) -> None:
    scheduler = FakeScheduler(deaf=True)
    hold(vault, "prod", scheduler, record(), (GC,))
    with pytest.raises(MismatchError, match="onlinegc is never and was"):
        release(vault, "prod", scheduler, "run-1")
    assert vault.head(hold_key("prod")) is not None


class AppendOnlyVault(FileVault):
    """A folder in which nothing may be deleted."""

    def delete(self, key: str) -> None:
        raise DeleteRefusedError(f"{self.where}/{key}", "it is append-only", "nothing")


def test_where_nothing_may_be_deleted_a_hold_is_released_and_the_next_one_is_taken(tmp_path: Path) -> None:
    vault, scheduler = AppendOnlyVault(tmp_path), FakeScheduler()
    for owner in ("run-1", "run-2"):
        hold(vault, "prod", scheduler, record(owner), (GC,))
        assert current_hold(vault, "prod") == record(owner)
        assert release(vault, "prod", scheduler, owner) == record(owner)
        assert current_hold(vault, "prod") is None
    assert scheduler.rows[GC] == SATURDAY
    assert release(vault, "prod", scheduler, "run-3") is None


def test_the_hold_of_another_run_is_not_this_runs_to_release(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    assert release(vault, "prod", scheduler, "run-2") is None
    assert GC not in scheduler.rows
    assert current_hold(vault, "prod") == record()


def test_what_a_run_took_away_it_puts_back_even_if_somebody_deleted_its_record(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    held = hold(vault, "prod", scheduler, record(), (GC,))
    vault.delete(hold_key("prod"))
    release(vault, "prod", scheduler, "run-1", held)
    assert scheduler.rows[GC] == SATURDAY


def test_a_hold_that_another_run_begins_while_this_one_sleeps_stays_on_record(vault: FileVault) -> None:
    class Slept(FakeScheduler):
        def crons(self) -> Crons:
            vault.put_bytes(hold_key("prod"), record("run-2").to_json())
            return super().crons()

    scheduler = Slept()
    hold(vault, "prod", scheduler, record(), (GC,))
    release(vault, "prod", scheduler, "run-1")
    assert current_hold(vault, "prod") == record("run-2")


def test_a_hold_of_a_later_version_is_refused_and_nothing_is_scheduled(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    scheduler.delete_cron(GC)
    vault.put_bytes(hold_key("prod"), b'{"format_version": 2, "owner": "run-1"}')
    with pytest.raises(
        NewerFormatError, match="format version 2, this program reads up to 1\nNext: use the newer"
    ):
        release_abandoned(vault, "prod", scheduler, "run-2")
    assert GC not in scheduler.rows
