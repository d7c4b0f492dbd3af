"""Who makes the pool, whatever could be looked at."""

from dataclasses import replace

import pytest

from runbook.domain.errors import UnreachableError
from runbook.domain.health import ClusterSeen
from runbook.domain.pool import PoolNodes, choose_pool, nodes_of_members
from tests.fakes.clusters import IDS, alive, dead

PLACES = {IDS[n - 1]: f"dtr{n}" for n in (1, 2, 3)}
WHOLE = ClusterSeen((alive(1), alive(2), alive(3)), (), IDS[:3], PLACES)


def test_those_that_go_leave_and_serve_until_then_unless_they_are_dead() -> None:
    assert choose_pool(WHOLE, "lb", ["dtr2"]) == PoolNodes(("dtr1", "dtr3"), ("dtr2",))
    seen = replace(WHOLE, replicas=(alive(1), dead(2), alive(3)))
    assert choose_pool(seen, "lb", ["dtr2"]) == PoolNodes(("dtr1", "dtr3"))


def test_a_look_that_found_volumes_and_no_containers_of_a_silent_node_says_nothing_of_its_replica() -> None:
    seen = replace(WHOLE, replicas=(alive(1), dead(2, services=False), alive(3)), unreachable=("dtr2",))
    assert nodes_of_members(seen) == ("dtr1", "dtr2", "dtr3")
    with pytest.raises(UnreachableError, match="dtr2: neither it nor its replica answers"):
        choose_pool(seen, "lb")


def test_a_member_that_was_found_on_no_node_though_all_answer_makes_no_pool() -> None:
    assert nodes_of_members(replace(WHOLE, replicas=(alive(1), alive(3)))) == ("dtr1", "dtr3")


@pytest.mark.parametrize(
    ("seen", "where"),
    [
        (ClusterSeen((dead(1),), ("dtr2",)), "dtr2"),
        (ClusterSeen((), ("dtr1", "dtr2")), "dtr1, dtr2"),
        (ClusterSeen((alive(1), alive(2))), "dtr1"),
    ],
    ids=["one is silent", "all are silent", "the registry does not say"],
)
def test_without_a_word_of_who_is_a_member_there_is_no_pool(seen: ClusterSeen, where: str) -> None:
    with pytest.raises(UnreachableError, match=f"{where}: no replica says which are the members"):
        choose_pool(seen, "lb")


def test_a_lone_replica_that_is_away_for_a_while_is_the_pool_still() -> None:
    assert choose_pool(ClusterSeen((dead(1),)), "lb").stay == ("dtr1",)
