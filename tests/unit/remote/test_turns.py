import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from runbook.domain.errors import NotReadyError, RefusedError, UnreachableError
from runbook.domain.health import ClusterSeen
from runbook.remote import turns
from runbook.remote.turns import in_turn, settle
from tests.fakes.clusters import alive, cluster, dead

WHOLE = cluster(alive(1), alive(2), alive(3), configured=3)
BUSY = replace(WHOLE, bootstrappers={"dtr2": "running"})
STARTING = cluster(alive(1), replace(alive(2), why_not_healthy="503"), alive(3), configured=3)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "POLL", 0.0)
    monkeypatch.setattr(turns, "LOCK_POLL", 0.0)


def looks(*seen: ClusterSeen) -> Iterator[ClusterSeen]:
    yield from seen
    while True:
        yield seen[-1]


def test_a_cluster_at_rest_is_looked_at_once() -> None:
    found = looks(WHOLE, BUSY)
    assert settle(lambda: next(found), "lab") == WHOLE


def test_a_bootstrapper_at_work_and_then_a_starting_replica_are_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = looks(BUSY, BUSY, STARTING, STARTING, WHOLE)
    with caplog.at_level(logging.INFO):
        assert settle(lambda: next(found), "lab") == WHOLE
    assert "lab: not yet: a bootstrapper is at work, container dtr-phase2 on dtr2" in caplog.text
    assert "lab: not yet: bbbbbbbbbbbb on dtr2: 503" in caplog.text


def test_a_replica_that_does_not_start_is_dead_and_whoever_asked_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "STARTING_WITHIN", 0.0)
    assert settle(lambda: STARTING, "lab") == STARTING
    stopped = cluster(alive(1), dead(2), alive(3), configured=3)
    assert settle(lambda: stopped, "lab") == stopped


def test_a_bootstrapper_that_does_not_end_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BUSY_WITHIN", 0.0)
    with pytest.raises(NotReadyError, match="container dtr-phase2 on dtr2") as ended:
        settle(lambda: BUSY, "lab")
    assert "docker rm -f dtr-phase2" in ended.value.next_step


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("dtr2", "The cluster is unhealthy, refusing to join", "repair"),
        UnreachableError("a", "b", "c"),
    ],
)
def test_what_is_no_lock_is_raised_at_once(error: Exception) -> None:
    """A lost connection above all: the bootstrapper behind it may go on."""
    tries = []

    def act() -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        in_turn(act, "dtr2")
    assert len(tries) == 1


def test_a_removal_that_was_decided_does_not_wait_for_the_dead_to_start() -> None:
    found = looks(BUSY, STARTING, WHOLE)
    assert settle(lambda: next(found), "lab", starting=False) == STARTING
    found = looks(STARTING, WHOLE)
    assert settle(lambda: next(found), "lab", starting=False) == STARTING
