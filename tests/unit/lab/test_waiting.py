import pytest

from lab.waiting import wait_until
from runbook.domain.errors import NotReadyError


def test_a_wait_ends_when_there_is_no_reason_left():
    reasons = iter(["one", "two", None])
    wait_until(lambda: next(reasons), "it", "look", seconds=5, every=0)


def test_the_last_reason_is_the_error():
    with pytest.raises(NotReadyError, match="it: after 0 s the door is shut\nNext: open it"):
        wait_until(lambda: "the door is shut", "it", "open it", seconds=0, every=0)
