import pytest

from runbook.domain.disaster import Branch, Unfinished, decide, refuse_heavier_than_needed
from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen
from tests.fakes.clusters import IDS, alive, cluster, dead

BEGUN = Unfinished("20261122T013000Z-0123abcd", IDS[0])


@pytest.mark.parametrize(
    ("seen", "branch"),
    [
        (cluster(alive(1)), Branch.NOTHING),
        (cluster(alive(1), alive(2), alive(3)), Branch.NOTHING),
        (cluster(alive(1), alive(2), dead(3)), Branch.REPLACE),
        (cluster(alive(1), alive(2), configured=3), Branch.REPLACE),
        (cluster(alive(1), dead(2), dead(3)), Branch.EMERGENCY_REPAIR),
        (cluster(dead(1), dead(2), dead(3)), Branch.EMERGENCY_REPAIR),
        (cluster(dead(1, services=False)), Branch.EMERGENCY_REPAIR),
        (cluster(dead(1, volumes=False), dead(2, volumes=False)), Branch.RESTORE),
        (cluster(), Branch.RESTORE),
        (cluster(dead(1), unreachable=("dtr1",)), Branch.RESTORE),
    ],
)
def test_the_lightest_remedy_that_can_help_is_chosen(seen: ClusterSeen, branch: Branch) -> None:
    decision = decide(seen)
    assert decision.branch is branch
    assert decision.because
    assert decision.facts[0] == seen.summary()


@pytest.mark.parametrize(
    "seen",
    [
        cluster(),  # all cleared away, nothing restored
        cluster(
            dead(1), dead(2), dead(3)
        ),  # stopped to be set aside, the volumes look readable and are empty
        cluster(dead(2, services=False)),  # half destroyed
        cluster(alive(1), dead(2), dead(3)),  # a forced one that had set two of three aside
        cluster(dead(1)),  # the first replica half restored
        cluster(alive(1)),  # the first replica restored, not proven
        cluster(alive(1), dead(3), configured=1),  # and a node that was silent is back with its old replica
    ],
)
def test_a_restore_that_did_not_finish_is_started_again_wherever_it_died(seen: ClusterSeen) -> None:
    decision = decide(seen, unfinished=BEGUN)
    assert decision.branch is Branch.RESTORE
    assert decision.because == "the restore of recovery point 20261122T013000Z-0123abcd did not finish"


@pytest.mark.parametrize(
    ("seen", "branch"),
    [
        (cluster(alive(1), alive(2), alive(3)), Branch.NOTHING),  # repaired by hand, or never begun to stop
        (cluster(alive(2)), Branch.NOTHING),  # installed anew: not the restore's own first replica
        (cluster(alive(1), alive(2), dead(3)), Branch.REPLACE),
    ],
)
def test_an_old_unfinished_restore_does_not_doom_a_registry_that_stands(
    seen: ClusterSeen, branch: Branch
) -> None:
    decision = decide(seen, unfinished=BEGUN)
    assert decision.branch is branch
    assert f"unfinished restore: {BEGUN.point}" in decision.facts


def test_an_unfinished_restore_does_not_doom_a_registry_that_serves_from_silent_nodes() -> None:
    seen = cluster(unreachable=("dtr1", "dtr2", "dtr3"))
    assert decide(seen, answers=True, unfinished=BEGUN).branch is Branch.NOTHING
    assert decide(seen, answers=False, unfinished=BEGUN).branch is Branch.RESTORE


@pytest.mark.parametrize(
    ("seen", "remedy"),
    [
        (cluster(alive(1), alive(2), alive(3)), "nothing is to be restored"),
        (cluster(alive(1), alive(2), dead(3)), "remove"),
        (cluster(dead(1), dead(2), dead(3)), "emergency-repair"),
    ],
)
def test_a_restore_is_refused_while_a_lighter_remedy_exists_and_it_is_named(
    seen: ClusterSeen, remedy: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_heavier_than_needed(decide(seen))
    assert remedy in refused.value.next_step


def test_a_registry_that_serves_while_its_nodes_are_silent_is_not_dead() -> None:
    seen = cluster(unreachable=("dtr1", "dtr2", "dtr3"))
    decision = decide(seen, answers=True)
    assert decision.branch is Branch.NOTHING
    assert decision.because == "the registry serves, and dtr1, dtr2, dtr3 cannot be reached from here"
    assert decide(seen, answers=False).branch is Branch.RESTORE


def test_a_person_may_force_the_heavier_remedy() -> None:
    refuse_heavier_than_needed(decide(cluster(alive(1))), force_reason="the bucket is lost")


def test_a_restore_is_let_through_when_nothing_else_helps() -> None:
    refuse_heavier_than_needed(decide(cluster()))
