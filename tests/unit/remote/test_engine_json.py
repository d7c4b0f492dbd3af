from datetime import UTC, datetime, timedelta, timezone

import pytest

from runbook.remote.engine_json import parse_inspected, parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T21:43:59.123456789Z", datetime(2026, 11, 22, 21, 43, 59, 123456, UTC)),
        ("2026-11-22T21:43:59Z", datetime(2026, 11, 22, 21, 43, 59, 0, UTC)),
        (
            "2026-11-22T21:43:59.5+02:00",
            datetime(2026, 11, 22, 21, 43, 59, 500000, timezone(timedelta(hours=2))),
        ),
    ],
)
def test_the_engines_nanoseconds_are_read(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


def test_an_inspected_container_without_labels_has_none() -> None:
    seen = parse_inspected(
        "dtr1",
        {
            "Name": "/dtr-api-aaaaaaaaaaaa",
            "State": {"Status": "exited"},
            "Config": {"Image": "lab/dtr-api:2.9.29", "Labels": None},
            "Created": "2026-11-22T21:43:59Z",
        },
    )
    assert (seen.node, seen.name, seen.state, dict(seen.labels)) == (
        "dtr1",
        "dtr-api-aaaaaaaaaaaa",
        "exited",
        {},
    )
