import hashlib
import threading
from collections.abc import Iterator

import pytest

from runbook.remote.bounded import bounded


def test_results_come_in_order_whatever_ends_first() -> None:
    last_has_run = threading.Event()

    def work(number: int) -> int:
        if number == 3:
            last_has_run.set()
        elif number == 0:
            assert last_has_run.wait(60)
        return number

    assert list(bounded(work, range(4), workers=2, window=10)) == [0, 1, 2, 3]


def test_no_more_is_taken_than_the_window_ahead_of_what_has_ended() -> None:
    taken: list[int] = []
    go_on = threading.Event()

    def things() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 5:
                go_on.set()  # the window holds 5: the sixth is taken, and then the first must end
            yield number

    def work(number: int) -> int:
        assert go_on.wait(60)
        assert number > 0 or len(taken) <= 6
        return number

    assert len(list(bounded(work, things(), workers=1, window=5))) == 100


def test_the_first_failure_ends_all_and_what_waits_is_not_begun() -> None:
    begun: list[int] = []
    all_wait = threading.Event()

    def things() -> Iterator[int]:
        yield from range(999)
        all_wait.set()
        yield 999

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            assert all_wait.wait(60)
            raise KeyError(number)
        hashlib.sha256(bytes(1_000_000))  # gives the failure time to be heard of
        return number

    with pytest.raises(KeyError):
        list(bounded(work, things(), workers=1, window=1000))
    assert len(begun) < 500
