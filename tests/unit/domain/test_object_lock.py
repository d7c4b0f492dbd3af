from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.object_lock import LockMode, ObjectLock

NOW = datetime(2026, 11, 22, 1, 2, 3, 456, tzinfo=UTC)
LOCK = ObjectLock(LockMode.COMPLIANCE, 30)


def test_a_points_own_objects_are_locked_for_the_days_and_blobs_for_a_slack_more() -> None:
    whole = NOW.replace(microsecond=0)
    assert LOCK.until("prod/points/p/manifest.json", NOW) == whole + timedelta(days=30)
    assert LOCK.until("prod/blobs/sha256/ab/abcd/data", NOW) == whole + timedelta(days=37)


@pytest.mark.parametrize(
    "key", ["prod/locks/cluster.json", "prod/holds/x", "prod/.probe", "prod/restores/x", "x", ""]
)
def test_what_must_stay_changeable_is_not_locked(key: str) -> None:
    assert LOCK.until(key, NOW) is None


def test_the_slack_is_a_day_at_least() -> None:
    assert ObjectLock(LockMode.GOVERNANCE, 1).slack == timedelta(days=1)
