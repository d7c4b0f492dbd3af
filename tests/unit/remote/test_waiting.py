import logging
from collections.abc import Iterator

import pytest

from runbook.domain.errors import NotReadyError, RefusedError, UnreachableError
from runbook.remote.waiting import wait_until


def test_ends_as_soon_as_there_is_no_reason() -> None:
    reasons: Iterator[str | None] = iter(["starting", "starting", None])
    wait_until(lambda: next(reasons), where="dtr1", timeout=5, poll=0.001)
    assert list(reasons) == []


def test_the_last_reason_becomes_the_error() -> None:
    reasons = iter(["starting"] + ["no quorum"] * 1000)
    with pytest.raises(NotReadyError) as ended:
        wait_until(lambda: next(reasons), where="dtr1", timeout=0.05, poll=0.001, next_step="heal it")
    assert str(ended.value) == "dtr1: after 0 s: no quorum\nNext: heal it"


def test_a_reason_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    reasons: Iterator[str | None] = iter(["a", "a", "b", "b", "a", None])
    with caplog.at_level(logging.INFO):
        wait_until(lambda: next(reasons), where="dtr1", timeout=5, poll=0.001)
    assert [record.message for record in caplog.records] == [f"dtr1: not yet: {reason}" for reason in "aba"]


def test_what_does_not_answer_is_waited_for() -> None:
    with pytest.raises(NotReadyError, match="dtr1: no answer"):
        wait_until(_unreachable, where="cluster", timeout=0.02, poll=0.001)


def _unreachable() -> str | None:
    raise UnreachableError("dtr1", "no answer", "wait")


def test_a_refusal_ends_the_wait_at_once() -> None:
    def refuse() -> str | None:
        raise RefusedError("dtr1", "wrong password", "correct it")

    with pytest.raises(RefusedError):
        wait_until(refuse, where="dtr1", timeout=60)
