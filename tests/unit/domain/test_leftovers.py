from dataclasses import replace

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen, Replica
from runbook.domain.join_lock import why_not_our_turn
from runbook.domain.leftovers import (
    Leftover,
    ended_phases,
    half_made,
    left_alone,
    left_on,
    still_there,
    why_busy,
    why_not_destroy,
    why_starting,
)
from tests.fakes.clusters import IDS, alive, cluster, dead
from tests.unit.domain.test_replica_changes import HEALTHY, cluster_of


@pytest.mark.parametrize(
    "words",
    [
        'Failed to lock the cluster: not after 20 seconds: the cluster is locked: {"operation": "join"}',
        "Failed to acquire join lock: another replica holds it",
        "Unable to join: the lock will expire in 30s",
        "Another operation still runs in dtr-phase2; try again when it has ended",
        "another join is in progress",
        "Conflict. The container name \"/dtr-phase2\" is already in use by container 'x'",
    ],
)
def test_the_turn_of_another_operation_is_recognised_in_many_words(words: str) -> None:
    assert why_not_our_turn(words) == words


@pytest.mark.parametrize(
    "words",
    [
        "The cluster is unhealthy, refusing to join",
        "Failed to transfer data: the database is blocked",
        "Node dtr1 already has the DTR replica aaaaaaaaaaaa; a node can have one",
        "A dtr-phase2 container was left on node dtr1; make sure that no other operation runs, then remove it",
        "clock skew between replicas",
    ],
)
def test_other_words_are_no_lock_and_are_not_waited_for(words: str) -> None:
    assert why_not_our_turn(words) is None


@pytest.mark.parametrize(("state", "busy"), [("running", True), ("created", True), ("exited", False)])
def test_a_second_phase_is_waited_for_while_it_is_at_work_and_cleared_when_it_has_ended(
    state: str, busy: bool
) -> None:
    seen = replace(cluster_of(HEALTHY), bootstrappers={"dtr2": state})
    assert (why_busy(seen) is not None) is busy
    assert [left.node for left in ended_phases(seen)] == ([] if busy else ["dtr2"])


def test_a_member_whose_services_all_run_may_be_starting_and_one_that_has_stopped_is_not() -> None:
    starting = replace(alive(2), why_not_healthy="/_ping answers 503")
    assert why_starting(cluster(alive(1), starting, configured=2)) == f"{IDS[1]} on dtr2: /_ping answers 503"
    assert why_starting(cluster(alive(1), starting, configured=1)) is None  # no member
    assert why_starting(cluster(alive(1), dead(2), configured=2)) is None


@pytest.mark.parametrize(
    ("seen", "images_on", "reason"),
    [
        (cluster(alive(1), dead(2), configured=1), "", None),
        (cluster(alive(1), dead(2), configured=1), "dtr2", "the registry's images are in a volume there"),
        (cluster(alive(1), dead(2), alive(3), configured=3), "", "it is a member"),
        (cluster(alive(1), dead(2)), "", "does not say which replicas are its members"),
        (ClusterSeen((alive(1), dead(2)), (), (IDS[0], IDS[2], IDS[3])), "", "no majority is healthy"),
    ],
    ids=["no member beside a majority", "images", "a member", "members unknown", "no majority"],
)
def test_a_replica_is_destroyed_only_if_it_is_no_member_and_a_majority_is_healthy(
    seen: ClusterSeen, images_on: str, reason: str | None
) -> None:
    why = why_not_destroy(seen, dead(2), images_on)
    assert (why or "").startswith(reason or "") or reason in str(why)
    assert (why is None) is (reason is None)
    assert bool(half_made(seen, images_on)) is (reason is None)


@pytest.mark.parametrize(
    ("replica", "reason"),
    [
        (replace(dead(2), outside=True), "it may be another registry's"),
        (alive(2), "its own probe answers"),
    ],
    ids=["on a node that is not ours", "healthy"],
)
def test_a_replica_of_somebody_else_and_one_that_answers_are_never_destroyed_and_it_is_said(
    replica: Replica, reason: str
) -> None:
    seen = cluster(alive(1), replica, configured=1)
    assert reason in str(why_not_destroy(seen, replica))
    assert half_made(seen) == ()
    assert [said for said in left_alone(seen) if reason in said and said.startswith("dtr2: replica ")]
    with pytest.raises(RefusedError, match=reason):
        left_on(seen, "dtr2")


def test_a_leftover_that_became_a_member_or_healthy_meanwhile_is_refused_and_one_that_went_is_no_matter() -> (
    None
):
    left = Leftover("dtr2", IDS[1])
    assert still_there(cluster(alive(1), dead(2), configured=1), left) == (left,)
    assert still_there(cluster(alive(1), configured=1), left) == ()
    for seen in (cluster(alive(1), dead(2), configured=2), cluster(alive(1), alive(2), configured=1)):
        with pytest.raises(RefusedError, match="was a leftover and is none now"):
            still_there(seen, left)


@pytest.mark.parametrize("node", ["dtr2", "dtr3"])
def test_an_ended_second_phase_is_not_cleared_once_one_is_at_work_again(node: str) -> None:
    left = Leftover("dtr2")
    ended = replace(cluster_of(HEALTHY), bootstrappers={"dtr2": "exited"})
    assert still_there(ended, left) == (left,)
    assert still_there(cluster_of(HEALTHY), left) == ()
    with pytest.raises(RefusedError, match="a bootstrapper is at work"):
        still_there(replace(ended, bootstrappers={"dtr2": "exited", node: "running"}), left)
