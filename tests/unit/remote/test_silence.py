"""A command that hangs is ended, and whoever waits for it is told; one that lives is left alone."""

import threading

import pytest

from runbook.domain.errors import NotReadyError
from runbook.remote.machine import LocalMachine
from runbook.remote.silence import SilenceLimit

SHORT, LONG = 0.2, 600.0


class Hanging:
    """A command that hangs until it is left."""

    def __init__(self) -> None:
        self.left = threading.Event()

    def __exit__(self, *_: object) -> None:
        self.left.set()


def limit(seconds: float) -> SilenceLimit:
    return SilenceLimit(seconds, lambda: NotReadyError("dtr1", "it said nothing", "look"))


def test_a_silent_command_is_ended_and_its_error_raised() -> None:
    command = Hanging()
    with pytest.raises(NotReadyError, match="it said nothing"), limit(SHORT).over(command):
        assert command.left.wait(LONG)


def test_what_fails_because_it_was_ended_is_not_told_in_its_place() -> None:
    command = Hanging()
    with pytest.raises(NotReadyError) as told, limit(SHORT).over(command):
        command.left.wait(LONG)
        raise ValueError("read of closed file")
    assert isinstance(told.value.__cause__, ValueError)


def test_an_error_of_a_command_that_lives_is_told_as_it_is() -> None:
    command = Hanging()
    with pytest.raises(ZeroDivisionError), limit(LONG).over(command):
        raise ZeroDivisionError
    assert not command.left.is_set()


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(clock: Clock) -> SilenceLimit:
    return SilenceLimit(SHORT, lambda: NotReadyError("dtr1", "it said nothing", "look"), clock=clock)


def test_a_slow_reader_is_waited_for_and_a_command_that_is_read_again_is_not() -> None:
    command, clock = Hanging(), Clock()
    limit = timed(clock)
    with pytest.raises(NotReadyError), limit.over(command):
        limit.rest()
        clock.now += LONG
        assert not command.left.wait(SHORT * 3)
        limit.listen()
        clock.now += LONG
        assert command.left.wait(LONG)


def test_every_word_gives_it_as_long_again() -> None:
    command, clock = Hanging(), Clock()
    limit = timed(clock)
    with limit.over(command):
        for _ in range(20):
            clock.now += SHORT / 2
            limit.heard()
        assert not command.left.wait(SHORT * 3)


def test_a_real_process_is_ended_with_what_it_started() -> None:
    hangs = LocalMachine().start(("sh", "-c", "sleep 600 & wait"), on_stderr=print)
    with pytest.raises(NotReadyError), hangs as command, limit(SHORT).over(command):
        command.wait()
