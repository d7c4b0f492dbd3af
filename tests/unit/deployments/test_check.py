from typing import Any

import pytest

from deployments.check import leftovers, load_flow, problems

NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "entrypoint": "flows.backup.backup",
    "parameters": {"cluster": "lab"},
    "schedules": [{"cron": "30 1 * * *", "timezone": "UTC", "slug": "nightly"}],
}


def test_a_right_deployment_has_no_problem() -> None:
    assert problems([NIGHTLY]) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"concurency_limit": 1}, "backup/nightly: unknown key concurency_limit"),
        ({"parameters": {"clutser": "lab"}}, "backup/nightly: the flow has no parameter clutser"),
        (
            {"schedules": [{"cron": "0 1 * * *", "slug": "x"}]},
            "backup/nightly: schedule: timezone is missing",
        ),
        (
            {"schedules": [NIGHTLY["schedules"][0] | {"active": True}]},
            "backup/nightly: schedule: unknown key active",
        ),
    ],
)
def test_what_prefect_would_swallow_is_named(change: dict[str, Any], problem: str) -> None:
    assert problems([NIGHTLY | change]) == [problem]


def test_an_entrypoint_that_is_no_flow_is_an_error() -> None:
    with pytest.raises(TypeError, match="is not a flow"):
        load_flow("deployments.check.problems")


def test_what_only_the_server_has_is_a_leftover() -> None:
    on_server = {"backup/nightly": ["nightly", "old-slug"], "backup/renamed": []}
    assert leftovers([NIGHTLY], on_server) == [
        "backup/renamed: is on the server and not in the file",
        "backup/nightly: schedule old-slug is on the server and not in the file",
    ]
