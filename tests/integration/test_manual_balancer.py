"""What a load balancer that a person sets up promises: it says what to do, and waits until that is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.domain.errors import NotReadyError
from runbook.domain.findings import Level
from tests.integration.balancer_worlds import World, manual_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with manual_world(tmp_path) as world:
        yield world


def test_the_instruction_names_the_pool_the_probe_the_ports_and_the_idle_time(world: World) -> None:
    step = world.balancer.plan(world.pool("dtr2", "dtr1"))
    ports = [world.backends[name].https_port for name in ("dtr1", "dtr2")]
    assert f"to dtr1 127.0.0.1:{ports[0]}, dtr2 127.0.0.1:{ports[1]} and from port 80" in step.what
    assert "GET /_ping over HTTPS" in step.what
    assert "15 minutes" in step.what
    assert world.changes() == []


def test_nobody_acts_and_it_says_what_is_missing_and_what_to_do(world: World) -> None:
    world.apply("dtr1")
    world.person(world.pool("dtr1"))
    with pytest.raises(
        NotReadyError, match=r"dtr2 not in its pool\nNext: do this by hand, .*pool of dtr1, dtr2"
    ):
        world.impatient.apply(world.pool("dtr1", "dtr2"))


def test_nobody_answers_before_the_first_pool(world: World) -> None:
    (found,) = world.balancer.check(world.pool("dtr1"))
    assert (found.level, found.what) == (
        Level.WARNING,
        "its pool is not that of the replicas: dtr1 not in its pool",
    )
    (found,) = world.balancer.check([])
    assert found.level is Level.OK


def test_what_cannot_be_seen_is_said(world: World) -> None:
    world.apply("dtr1")
    (found,) = world.balancer.check(world.pool("dtr1"))
    assert found.what == "1 replicas answer through it; its probe and its idle time cannot be seen from here"
