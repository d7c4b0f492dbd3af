from datetime import UTC, datetime

import pytest

from runbook.domain.holds import (
    HoldRecord,
    describe,
    read_crons,
    settings_of,
    shown_otherwise,
    why_not_released,
)

SATURDAY = {"action": "onlinegc", "schedule": "0 0 3 * * 6", "deadline": "3h", "parameters": None}
RECORD = HoldRecord("run-1", {"onlinegc": SATURDAY}, datetime(2026, 11, 22, 4, 0, tzinfo=UTC))


def test_a_record_survives_the_vault() -> None:
    assert HoldRecord.from_json(RECORD.to_json()) == RECORD


def test_a_record_of_a_version_that_kept_schedules_alone_is_read() -> None:
    old = b'{"owner": "run-1", "schedules": {"onlinegc": "@daily"}, "since": "2026-11-22T04:00:00+00:00"}'
    assert HoldRecord.from_json(old).crons == {"onlinegc": {"action": "onlinegc", "schedule": "@daily"}}
    assert read_crons({}) == {}


def test_what_the_registry_gives_a_cron_is_no_setting_of_it() -> None:
    given = {"id": "48875b1b", "nextRun": "2026-11-28T03:00:00Z"}
    assert settings_of(SATURDAY | given) == SATURDAY


def test_crons_that_are_back_need_no_word() -> None:
    licence = {"action": "license_update", "schedule": "@daily"}
    assert why_not_released(RECORD.crons, {**RECORD.crons, "license_update": licence}) is None


@pytest.mark.parametrize("nothing", [{}, "", 0])
def test_what_is_not_set_may_be_shown_in_another_way(nothing: object) -> None:
    assert shown_otherwise(RECORD.crons, {"onlinegc": SATURDAY | {"parameters": nothing}}) is None


def test_of_a_cron_of_which_the_schedule_alone_is_known_the_rest_may_be_anything() -> None:
    known = read_crons({"onlinegc": "0 0 3 * * 6"})
    assert why_not_released(known, RECORD.crons) is None
    assert shown_otherwise(known, RECORD.crons) is None


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({}, "onlinegc is never and was 0 0 3 * * 6"),
        ({"onlinegc": SATURDAY | {"schedule": "@daily"}}, "onlinegc is @daily and was 0 0 3 * * 6"),
    ],
    ids=["missing", "other schedule"],
)
def test_a_schedule_that_is_missing_or_different_is_named(
    seen: dict[str, dict[str, object]], why: str
) -> None:
    assert why_not_released(RECORD.crons, seen) == why


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (SATURDAY | {"deadline": ""}, "deadline of onlinegc is '' and was '3h'"),
        (SATURDAY | {"deadline": "3h0m0s"}, "deadline of onlinegc is '3h0m0s' and was '3h'"),
        (
            {"action": "onlinegc", "schedule": "0 0 3 * * 6"},
            "deadline of onlinegc is None and was '3h'",
        ),
    ],
    ids=["lost", "spelled otherwise", "schedule alone"],
)
def test_what_else_is_shown_otherwise_is_told_and_stops_nothing(seen: dict[str, object], what: str) -> None:
    assert shown_otherwise(RECORD.crons, {"onlinegc": seen}) == what
    assert why_not_released(RECORD.crons, {"onlinegc": seen}) is None


def test_a_log_line_tells_when_each_action_runs() -> None:
    assert describe(RECORD.crons) == "onlinegc 0 0 3 * * 6"
    assert describe({}) == "not scheduled"
