from datetime import UTC, datetime, timedelta, timezone

import pytest

from runbook.remote.engine_json import parse_inspected, parse_list, parse_time


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


@pytest.mark.parametrize("names", [[], None])
def test_a_container_that_is_being_removed_and_has_no_name_is_left_out_of_the_list(
    names: list[str] | None,
) -> None:
    described = {"State": "running", "Image": "lab/dtr-api:2.9.29", "Labels": None, "Created": 0}
    removed, whole = described | {"Names": names}, described | {"Names": ["/dtr1/dtr-api-aaaaaaaaaaaa"]}
    (seen,) = parse_list([removed, whole])
    assert (seen.node, seen.name) == ("dtr1", "dtr-api-aaaaaaaaaaaa")
