"""What every kind of load balancer promises: HAProxy for real, AWS's by moto, a person's that passes bytes in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.domain.errors import NotReadyError
from runbook.domain.findings import Level
from runbook.domain.plans import Action
from runbook.remote.waiting import wait_until
from tests.integration.balancer_worlds import World, haproxy_world, manual_world, nlb_world

WORLDS = {"haproxy": haproxy_world, "aws_nlb": nlb_world, "manual": manual_world}


@pytest.fixture(params=WORLDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(kind: str, tmp_path: Path) -> Iterator[World]:
    with WORLDS[kind](tmp_path) as world:
        yield world


def warnings(world: World, *names: str) -> list[str]:
    return [f.what for f in world.balancer.check(world.pool(*names)) if f.level is not Level.OK]


def test_the_pool_becomes_the_wanted_one_whatever_it_was(world: World) -> None:
    world.apply("dtr1", "dtr2")
    assert world.members() == ["dtr1", "dtr2"]
    world.apply("dtr2", "dtr3")
    assert world.members() == ["dtr2", "dtr3"]


def test_a_second_time_nothing_is_changed_and_it_says_why(world: World) -> None:
    world.apply("dtr1", "dtr2")
    before = world.changes()
    step = world.balancer.plan(world.pool("dtr1", "dtr2"))
    assert (step.action, step.where, bool(step.reason)) == (Action.KEEP, "lb1", True)
    world.apply("dtr1", "dtr2")
    assert world.changes() == before


def test_a_plan_names_what_differs_and_changes_nothing(world: World) -> None:
    world.apply("dtr1", "dtr2")
    before = world.changes()
    step = world.balancer.plan(world.pool("dtr1", "dtr3"))
    assert (step.action, step.reason) == (Action.CONFIGURE, "dtr3 not in its pool")
    assert step.what.startswith("pool of dtr1, dtr3")
    assert world.balancer.plan(world.pool("dtr1")).reason == "dtr2 still in its pool"
    assert world.changes() == before


def test_one_that_is_drained_gets_no_new_connection(world: World) -> None:
    world.apply("dtr1", "dtr2")
    leaving, rest = world.backends["dtr2"], world.pool("dtr1")
    world.person(rest)
    world.balancer.drain(leaving, rest)
    assert world.members() == ["dtr1"]
    before = world.changes()
    world.balancer.drain(leaving, rest)
    assert world.changes() == before


def test_a_pool_that_is_as_it_must_be_is_well(world: World) -> None:
    world.apply("dtr1", "dtr2")
    assert warnings(world, "dtr1", "dtr2") == []
    assert [f.where for f in world.balancer.check(world.pool("dtr1", "dtr2"))] == ["lb1"]


def test_a_pool_of_others_is_a_finding_that_names_them(world: World) -> None:
    world.apply("dtr1", "dtr2")
    (found,) = warnings(world, "dtr1", "dtr2", "dtr3")
    assert found == "its pool is not that of the replicas: dtr3 not in its pool"


def test_a_member_that_is_not_healthy_is_named(world: World) -> None:
    world.apply("dtr1", "dtr2")
    world.fail("dtr2")

    def why_not_named() -> str | None:
        found = warnings(world, "dtr1", "dtr2")
        return None if any("dtr2" in what for what in found) else f"{found}"

    wait_until(why_not_named, where="lb1", timeout=20, poll=0.2)


def test_who_does_not_come_up_is_named_and_the_pool_is_as_before(world: World) -> None:
    world.apply("dtr1")
    world.fail("dtr3")
    with pytest.raises(NotReadyError, match="dtr3"):
        world.impatient.apply(world.pool("dtr1", "dtr3"))

    def why_not_as_before() -> str | None:  # HAProxy's first probe after the reload takes its time
        return None if world.members() == ["dtr1"] else f"{world.members()}"

    wait_until(why_not_as_before, where="lb1", timeout=20, poll=0.2)
    assert world.balancer.plan(world.pool("dtr1")).action is Action.KEEP


def test_one_that_ends_tls_is_a_finding(world: World) -> None:
    world.apply("dtr1", "dtr2")
    world.end_tls()
    assert any("is not passed through as TCP" in what for what in warnings(world, "dtr1", "dtr2"))


def test_what_is_kept_of_it_names_its_kind(world: World, kind: str) -> None:
    world.apply("dtr1")
    assert world.balancer.described()["kind"] == kind
