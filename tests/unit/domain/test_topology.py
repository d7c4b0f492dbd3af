import pytest

from runbook.domain.topology import quorum, why_not_count


@pytest.mark.parametrize(("members", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_quorum_is_more_than_half_of_the_members(members: int, needed: int) -> None:
    assert quorum(members) == needed


@pytest.mark.parametrize("count", [1, 3, 5, 7])
def test_odd_counts_up_to_seven_are_allowed(count: int) -> None:
    assert why_not_count(count) is None


@pytest.mark.parametrize(
    ("count", "reason"), [(0, "at least one"), (2, "even"), (4, "even"), (8, "slow"), (9, "slow")]
)
def test_other_counts_are_refused_with_the_reason(count: int, reason: str) -> None:
    assert reason in (why_not_count(count) or "")
