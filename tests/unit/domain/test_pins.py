import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.pins import select_id

IDS = ["20261122T010203Z-0a1b2c3d", "20261123T010203Z-0a1b2c3d"]


def test_a_point_is_meant_by_a_beginning_that_only_it_has() -> None:
    assert select_id([*IDS, IDS[0]], "20261122") == IDS[0]


@pytest.mark.parametrize(("wanted", "words"), [("2026", "2 of 2"), ("2025", "0 of 2")])
def test_what_means_none_or_several_is_refused(wanted: str, words: str) -> None:
    with pytest.raises(RefusedError, match=f"{words} recovery points begin with '{wanted}'"):
        select_id(IDS, wanted)
