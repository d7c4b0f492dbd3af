"""Whatever befalls the run that holds garbage collection, and whoever else comes by, it is scheduled again."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from runbook.domain.errors import LockedError
from runbook.domain.holds import HoldRecord
from runbook.domain.locks import LEASE, LockRecord
from runbook.remote.hold_lease import look_at_hold, release_abandoned
from runbook.remote.holds import hold, hold_key, release
from runbook.remote.locks import hold_lock, lock_key
from tests.fakes.memory_records import MemoryRecords
from tests.fakes.scheduler import GC, FakeScheduler
from tests.fakes.turns import Actor

CLUSTER = "prod"
DEEDS = 18
"""More than a backup does to vault and registry, so that it is interrupted everywhere."""


class World:
    """One registry, one vault, one clock."""

    def __init__(self) -> None:
        self.vault = MemoryRecords()
        self.scheduler = FakeScheduler()
        self.now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
        self.before = dict(self.scheduler.rows)

    def clock(self) -> datetime:
        return self.now

    def seen(self) -> object:
        records = {seen.key: self.vault.get_bytes(seen.key) for seen in self.vault.list("")}
        return records, dict(self.scheduler.rows)

    def lease_ends(self) -> None:
        self.now += LEASE

    def backup(self, owner: str) -> Actor:
        return Actor(lambda run: _backup(self, run, owner))

    def watch(self, owner: str = "watch") -> Actor:
        return Actor(lambda run: _watch(self, run, owner))

    def looked_after(self) -> None:
        watch = self.watch()
        watch.finish()
        assert watch.error is None

    def settles(self) -> bool:
        """Whether all is as it was before, once every lease has ended and somebody has looked."""
        self.lease_ends()
        self.looked_after()
        return self.scheduler.rows == self.before and self.vault.head(hold_key(CLUSTER)) is None


def _lock(world: World, owner: str) -> LockRecord:
    return LockRecord(owner, "backup", "admin1", world.now, world.now + LEASE)


def _backup(world: World, run: Actor, owner: str) -> None:
    """The steps of a backup, as far as locks and holds are concerned."""
    vault, scheduler = run.hands(world.vault), run.hands(world.scheduler)
    with hold_lock(vault, CLUSTER, _lock(world, owner), world.clock) as held:
        release_abandoned(vault, CLUSTER, scheduler, owner)
        held.require()
        mine = None
        try:
            crons = {action: cron for action, cron in scheduler.crons().items() if action == GC}
            mine = hold(vault, CLUSTER, scheduler, HoldRecord(owner, crons, world.now), (GC,))
            held.require()
        finally:
            held.require()
            release(vault, CLUSTER, scheduler, owner, mine)


def _watch(world: World, run: Actor, owner: str) -> None:
    vault, scheduler = run.hands(world.vault), run.hands(world.scheduler)
    seen = look_at_hold(vault, CLUSTER, world.now)
    if seen is None or seen.why_kept:
        return
    with suppress(LockedError), hold_lock(vault, CLUSTER, _lock(world, owner), world.clock):
        release_abandoned(vault, CLUSTER, scheduler, owner)


@pytest.fixture
def world() -> World:
    return World()


def test_a_backup_does_no_more_than_these_tests_interrupt(world: World) -> None:
    assert not world.backup("run-1").steps(DEEDS)


@pytest.mark.parametrize("deeds", range(DEEDS))
def test_nothing_of_a_run_that_lives_is_touched_whenever_somebody_looks(world: World, deeds: int) -> None:
    run = world.backup("run-1")
    run.steps(deeds)
    before = world.seen()
    world.looked_after()
    assert world.seen() == before
    run.finish()
    assert run.error is None
    assert world.scheduler.rows == world.before
    assert list(world.vault.list("")) == []


@pytest.mark.parametrize("deeds", range(DEEDS))
def test_a_run_that_dies_anywhere_loses_its_hold_with_its_lease_and_not_before(
    world: World, deeds: int
) -> None:
    run = world.backup("run-1")
    run.steps(deeds)
    run.kill()
    before = world.seen()
    if world.vault.head(lock_key(CLUSTER)):
        world.looked_after()
        assert world.seen() == before
    assert world.settles()


@pytest.mark.parametrize("deeds", range(DEEDS))
def test_a_run_that_dies_anywhere_loses_its_hold_to_the_next_backup(world: World, deeds: int) -> None:
    run = world.backup("run-1")
    run.steps(deeds)
    run.kill()
    world.lease_ends()
    following = world.backup("run-2")
    following.finish()
    assert following.error is None
    assert world.scheduler.rows == world.before
    assert list(world.vault.list("")) == []


@pytest.mark.parametrize("deeds", range(DEEDS))
def test_a_run_that_sleeps_past_its_lease_anywhere_leaves_nothing_held(world: World, deeds: int) -> None:
    run = world.backup("run-1")
    run.steps(deeds)
    world.lease_ends()
    world.looked_after()
    run.finish()
    assert world.settles()


@pytest.mark.parametrize("who", ["backup", "watch"])
@pytest.mark.parametrize("deeds", range(DEEDS))
def test_who_sleeps_past_the_lease_beside_a_backup_at_any_place_leaves_nothing_held(
    who: str, deeds: int
) -> None:
    for others_deeds in range(DEEDS):
        world = World()
        asleep = _after_a_death(world, who)
        asleep.steps(deeds)
        world.lease_ends()
        other = world.backup("run-2")
        other.steps(others_deeds)
        asleep.finish()
        other.finish()
        assert world.settles(), others_deeds


def _after_a_death(world: World, who: str) -> Actor:
    """Leave a hold of a dead run, and somebody who begins to release it."""
    died = world.backup("run-0")
    while GC in world.scheduler.rows:
        died.steps(1)
    died.kill()
    world.lease_ends()
    return world.backup("run-1") if who == "backup" else world.watch()
