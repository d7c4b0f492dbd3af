import threading

import pytest

from runbook.domain.errors import UnreachableError
from runbook.remote.read_ahead import CHUNKS, ReadAhead


class Numbers:
    """A source that yields its own read counts, and knows how far its reader is behind."""

    def __init__(self, last: int | None = None, error: BaseException | None = None) -> None:
        self.last, self.error = last, error
        self.given = self.taken = self.furthest = 0

    def read(self, size: int, /) -> bytes:
        self.furthest = max(self.furthest, self.given - self.taken)
        if self.given == self.last:
            if self.error:
                raise self.error
            return b""
        self.given += 1
        return self.given.to_bytes(4)


def read_all(ahead: ReadAhead, source: Numbers, size: int) -> bytes:
    data = b""
    while piece := ahead.read(size):
        data += piece
        source.taken = len(data) // 4
    return data


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_all_bytes_come_in_order_and_never_many_are_held(size: int) -> None:
    source = Numbers(1000)
    with ReadAhead(source, 4) as ahead:
        data = read_all(ahead, source, size)
        assert ahead.read(size) == b""
    assert data == b"".join(number.to_bytes(4) for number in range(1, 1001))
    assert source.furthest <= CHUNKS + 2


def test_what_the_source_raises_comes_out_after_what_it_gave() -> None:
    error = UnreachableError("node", "the connection was lost", "rerun")
    source = Numbers(3, error)
    with ReadAhead(source, 4) as ahead:
        assert [ahead.read(4) for _ in range(3)] == [number.to_bytes(4) for number in (1, 2, 3)]
        with pytest.raises(UnreachableError) as raised:
            ahead.read(4)
    assert raised.value is error


def test_a_reader_that_leaves_early_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with ReadAhead(Numbers(), 4) as ahead:
        ahead.read(4)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
