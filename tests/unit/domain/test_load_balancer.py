import pytest

from runbook.domain.findings import Level
from runbook.domain.load_balancer import (
    Advice,
    Backend,
    Front,
    Member,
    Setup,
    judge_pool,
    judge_setups,
    plan_pool,
    why_not_pool,
)
from runbook.domain.plans import Action

UP, DOWN = Member(up=True, words="UP"), Member(up=False, words="DOWN (refused)")
FRONT = Front("registry.example")
ADVICE = Advice("pass it", "probe it", "leave it")


def setup(
    port: int = 443, *, passthrough: bool = True, probe: str | None = "HTTPS /_ping", idle: float = 900
) -> Setup:
    return Setup(port, passthrough, probe, idle)


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        ({"dtr1": UP, "dtr2": UP}, None),
        ({"dtr1": UP}, "dtr2 not in its pool"),
        ({"dtr1": UP, "dtr2": UP, "dtr3": UP}, "dtr3 still in its pool"),
        ({"dtr1": UP, "dtr2": DOWN}, "dtr2 is DOWN (refused)"),
    ],
)
def test_the_pool_is_up_when_it_is_the_wanted_replicas_and_each_is(
    pool: dict[str, Member], reason: str | None
) -> None:
    assert why_not_pool(pool, ["dtr1", "dtr2"]) == reason
    found = judge_pool("lb", pool, ["dtr1", "dtr2"])
    assert (found.level is Level.OK) == (reason is None)
    assert (reason or "2 replicas in its pool, all up") in found.what


def test_a_step_has_a_reason_for_change_and_for_none() -> None:
    pool = [Backend("dtr2", "198.18.0.12"), Backend("dtr1", "198.18.0.11")]
    assert plan_pool("lb", pool, None, "as wanted").action is Action.KEEP
    change = plan_pool("lb", pool, "dtr2 not in its pool", "as wanted")
    assert (change.action, change.what, change.reason) == (
        Action.CONFIGURE,
        "pool of dtr1, dtr2",
        "dtr2 not in its pool",
    )


@pytest.mark.parametrize(
    ("seen", "what", "next_step"),
    [
        ((), "nothing takes port 443", "pass it"),
        ((setup(passthrough=False),), "port 443 is not passed through as TCP", "pass it"),
        (
            (setup(probe="HTTPS /"),),
            "port 443: replicas are probed by HTTPS /, not by HTTPS /_ping",
            "probe it",
        ),
        ((setup(probe=""),), "port 443: replicas are probed by nothing, not by HTTPS /_ping", "probe it"),
        (
            (setup(idle=600),),
            "port 443 ends connections after 600 s of silence; more than 600 s are needed",
            "leave it",
        ),
    ],
)
def test_what_is_not_as_the_vendor_asks_is_a_finding(
    seen: tuple[Setup, ...], what: str, next_step: str
) -> None:
    (found,) = judge_setups("lb", seen, FRONT, ADVICE, [443])
    assert (found.level, found.where, found.what, found.next_step) == (Level.WARNING, "lb", what, next_step)


def test_what_is_as_the_vendor_asks_or_cannot_be_told_is_none() -> None:
    seen = (setup(), Setup(80, passthrough=True))
    assert judge_setups("lb", seen, FRONT, ADVICE, [443, 80]) == ()
