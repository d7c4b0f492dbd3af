from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.errors import LockedError
from runbook.domain.locks import LEASE, LockRecord, refuse_held

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HELD = LockRecord("run-1", "backup", "admin1", NOW, NOW + LEASE)


def test_a_lock_is_refused_while_its_lease_runs_and_the_holder_is_named() -> None:
    with pytest.raises(
        LockedError, match="backup holds the cluster since 2026-11-22 03:00:00 UTC"
    ) as refused:
        refuse_held(HELD, "prod", "run-2", NOW + LEASE - timedelta(seconds=1))
    assert "run-1 on admin1" in refused.value.what


def test_a_lock_whose_lease_ended_may_be_taken_over() -> None:
    refuse_held(HELD, "prod", "run-2", NOW + LEASE)


def test_a_run_that_starts_again_takes_its_own_lock_back() -> None:
    refuse_held(HELD, "prod", "run-1", NOW)


def test_a_record_survives_the_vault() -> None:
    assert LockRecord.from_json(HELD.to_json()) == HELD


def test_a_renewal_moves_only_the_end_of_the_lease() -> None:
    later = NOW + timedelta(minutes=5)
    assert HELD.renewed(later) == LockRecord("run-1", "backup", "admin1", NOW, later + LEASE)
