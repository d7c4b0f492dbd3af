from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.domain.errors import LockedError, NewerFormatError
from runbook.domain.locks import LEASE, LockRecord
from runbook.remote.locks import HeldLock, _Renewal, hold_lock, lock_key
from runbook.remote.vault_file import FileVault

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path)


def record(owner: str, now: datetime = NOW) -> LockRecord:
    return LockRecord(owner, "backup", "admin1", now, now + LEASE)


def test_a_lock_is_in_the_vault_while_it_is_held_and_gone_afterwards(vault: FileVault) -> None:
    with hold_lock(vault, "prod", record("run-1")):
        assert LockRecord.from_json(vault.get_bytes(lock_key("prod"))).owner == "run-1"
    assert vault.head(lock_key("prod")) is None


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def renewal(vault: FileVault) -> _Renewal:
    etag = vault.put_bytes(lock_key("prod"), record("run-1").to_json())
    clock = Clock()
    clock.now = NOW + timedelta(seconds=20)
    return _Renewal(vault, lock_key("prod"), HeldLock("prod", record("run-1"), clock), etag, clock)


def until(vault: FileVault) -> datetime:
    return LockRecord.from_json(vault.get_bytes(lock_key("prod"))).until


def test_a_renewal_moves_the_lease(vault: FileVault, renewal: _Renewal) -> None:
    renewal.renew()
    assert until(vault) == NOW + timedelta(seconds=20) + LEASE
    assert renewal._held.why_lost() is None


def test_a_renewal_whose_answer_was_lost_keeps_the_lock(vault: FileVault, renewal: _Renewal) -> None:
    vault.put_bytes(lock_key("prod"), record("run-1", NOW + timedelta(seconds=20)).to_json())
    renewal.renew()
    assert renewal._held.why_lost() is None


def test_a_lock_that_another_run_took_is_lost_and_no_step_begins(vault: FileVault, renewal: _Renewal) -> None:
    vault.put_bytes(lock_key("prod"), record("run-2").to_json())
    renewal.renew()
    assert renewal._held.why_lost() == "it was taken by run run-2"


def test_a_lease_that_ran_out_is_lost(renewal: _Renewal) -> None:
    renewal.clock.now = NOW + LEASE
    assert renewal._held.why_lost() == "its lease ended at 03:01:00 UTC"


def test_a_lost_lock_stops_the_run() -> None:
    held = HeldLock("prod", record("run-1"), lambda: NOW)
    held.require()
    held.taken("run-2")
    with pytest.raises(LockedError, match="this run has lost the cluster's lock: it was taken by run run-2"):
        held.require()


def test_a_run_that_slept_past_its_lease_stops_though_nothing_renewed_it() -> None:
    clock = Clock()
    held = HeldLock("prod", record("run-1"), clock)
    clock.now = NOW + LEASE - timedelta(seconds=1)
    held.require()
    clock.now = NOW + LEASE
    with pytest.raises(LockedError, match="its lease ended at 03:01:00 UTC"):
        held.require()


def test_a_second_runbook_is_refused_and_the_first_keeps_its_lock(vault: FileVault) -> None:
    with hold_lock(vault, "prod", record("run-1")):
        with (
            pytest.raises(LockedError, match="run run-1 on admin1"),
            hold_lock(vault, "prod", record("run-2")),
        ):
            pass
        assert LockRecord.from_json(vault.get_bytes(lock_key("prod"))).owner == "run-1"


def test_other_clusters_are_not_locked(vault: FileVault) -> None:
    with hold_lock(vault, "prod", record("run-1")), hold_lock(vault, "staging", record("run-2")):
        assert vault.head(lock_key("staging")) is not None


def test_a_lock_is_released_when_the_runbook_fails(vault: FileVault) -> None:
    with pytest.raises(RuntimeError), hold_lock(vault, "prod", record("run-1")):
        raise RuntimeError("the runbook failed")
    assert vault.head(lock_key("prod")) is None


def test_a_lock_of_a_dead_run_is_taken_over_once_its_lease_has_ended(vault: FileVault) -> None:
    vault.put_bytes(lock_key("prod"), record("run-1").to_json())
    with hold_lock(vault, "prod", record("run-2", NOW + LEASE + timedelta(seconds=1))):
        assert LockRecord.from_json(vault.get_bytes(lock_key("prod"))).owner == "run-2"


def test_a_run_that_starts_again_takes_its_own_lock_back(vault: FileVault) -> None:
    vault.put_bytes(lock_key("prod"), record("run-1").to_json())
    with hold_lock(vault, "prod", record("run-1")):
        assert vault.head(lock_key("prod")) is not None


def test_a_lock_that_somebody_else_took_is_not_released(vault: FileVault) -> None:
    with hold_lock(vault, "prod", record("run-1")):
        vault.put_bytes(lock_key("prod"), record("run-2").to_json())
    assert LockRecord.from_json(vault.get_bytes(lock_key("prod"))).owner == "run-2"


def test_a_lock_of_a_later_version_is_refused_and_stays(vault: FileVault) -> None:
    newer = b'{"format_version": 2, "owner": "run-1"}'
    vault.put_bytes(lock_key("prod"), newer)
    with (
        pytest.raises(NewerFormatError, match="lock has format version 2, .* up to 1\nNext: use the newer"),
        hold_lock(vault, "prod", record("run-2", NOW + LEASE * 2)),
    ):
        pass
    assert vault.get_bytes(lock_key("prod")) == newer


def test_two_runs_from_two_machines_on_one_vault_exclude_each_other(tmp_path: Path) -> None:
    here, there = FileVault(tmp_path), FileVault(tmp_path)
    with (
        hold_lock(here, "prod", record("run-1")),
        pytest.raises(LockedError, match="run run-1 on admin1"),
        hold_lock(there, "prod", record("run-2")),
    ):
        pass
    with hold_lock(there, "prod", record("run-2")):
        assert here.head(lock_key("prod")) is not None
