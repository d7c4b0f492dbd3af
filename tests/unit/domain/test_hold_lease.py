from datetime import UTC, datetime

import pytest

from runbook.domain.hold_lease import HoldSeen, why_kept
from runbook.domain.holds import HoldRecord
from runbook.domain.locks import LEASE, LockRecord

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HELD = HoldRecord("run-1", {}, NOW)


def lock(owner: str) -> LockRecord:
    return LockRecord(owner, "backup", "admin1", NOW, NOW + LEASE)


def test_a_hold_stays_while_its_run_has_the_lock() -> None:
    assert why_kept(HELD, lock("run-1"), NOW) == "which lives: its lease runs until 03:01:00 UTC"


def test_a_hold_stays_while_another_run_has_the_lock_for_that_one_may_be_about_to_release_it() -> None:
    words = "which is over; run run-2 (backup) holds the cluster until 03:01:00 UTC at least"
    assert why_kept(HELD, lock("run-2"), NOW) == words


@pytest.mark.parametrize("owner", ["run-1", "run-2"])
def test_a_hold_is_over_when_the_lease_of_the_lock_is(owner: str) -> None:
    assert why_kept(HELD, lock(owner), NOW + LEASE) is None


def test_a_hold_is_over_when_nobody_has_the_lock_whatever_version_wrote_it() -> None:
    old = b'{"owner": "run-0", "schedules": {"onlinegc": "@daily"}, "since": "2026-11-22T03:00:00+00:00"}'
    assert why_kept(HoldRecord.from_json(old), None, NOW) is None


def test_a_hold_says_since_when_and_whose_it_is() -> None:
    since = "garbage collection is held since 2026-11-22 03:00:00 UTC by run run-1"
    assert str(HoldSeen(HELD, None)) == f"{since}, which died or lost the cluster's lock"
    assert str(HoldSeen(HELD, "which lives: so")) == f"{since}, which lives: so"
