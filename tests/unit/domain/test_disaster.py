import pytest

from runbook.domain.disaster import Branch, decide, refuse_heavier_than_needed
from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen
from tests.fakes.clusters import alive, cluster, dead


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


@pytest.mark.parametrize("seen", [cluster(), cluster(dead(1)), cluster(alive(1))])
def test_a_restore_that_did_not_finish_is_started_again_whatever_it_left(seen: ClusterSeen) -> None:
    decision = decide(seen, unfinished="20261122T013000Z-0123abcd")
    assert decision.branch is Branch.RESTORE
    assert decision.because == "the restore of recovery point 20261122T013000Z-0123abcd did not finish"


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
