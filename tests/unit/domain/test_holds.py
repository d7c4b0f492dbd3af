from datetime import UTC, datetime

from runbook.domain.holds import HoldRecord, why_not_released

RECORD = HoldRecord("run-1", {"onlinegc": "0 0 3 * * 6"}, datetime(2026, 11, 22, 4, 0, tzinfo=UTC))


def test_a_record_survives_the_vault() -> None:
    assert HoldRecord.from_json(RECORD.to_json()) == RECORD


def test_schedules_that_are_back_need_no_word() -> None:
    assert why_not_released(RECORD.schedules, {"onlinegc": "0 0 3 * * 6", "license_update": "@daily"}) is None


def test_a_schedule_that_is_missing_or_different_is_named() -> None:
    assert why_not_released(RECORD.schedules, {}) == "onlinegc is never and was 0 0 3 * * 6"
    assert "onlinegc is @daily and was" in (why_not_released(RECORD.schedules, {"onlinegc": "@daily"}) or "")
