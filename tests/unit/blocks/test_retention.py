from datetime import timedelta

import pytest
from pydantic import ValidationError

from blocks.retention import RetentionSettings


def test_without_rules_everything_is_kept_and_nothing_is_confirmed() -> None:
    retention = RetentionSettings()
    assert (retention.has_rules, retention.confirmed, retention.minimum) == (False, False, 3)


def test_rules_become_a_policy() -> None:
    policy = RetentionSettings(keep_daily=30, keep_within_days=1.5, minimum=5).to_domain()
    assert (policy.keep_daily, policy.keep_within, policy.minimum) == (30, timedelta(hours=36), 5)


@pytest.mark.parametrize(
    "rules",
    [
        {"keep_last": -1},
        {"keep_last": True},
        {"keep_daily": 1.5},
        {"keep_yearly": 100_001},
        {"keep_within_days": -1},
        {"keep_within_days": float("inf")},
        {"keep_within_days": float("nan")},
        {"keep_within_days": 36_501},
        {"minimum": 0},
        {"most_at_once": 0},
        {"grace_hours": 0.5},
        {"grace_hours": float("inf")},
        {"confirmed": "yes"},
        {"keep_hourly": 1},
    ],
    ids=str,
)
def test_what_is_no_rule_or_out_of_bounds_is_refused(rules: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetentionSettings.model_validate(rules)
