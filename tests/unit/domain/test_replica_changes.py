"""Whatever is dead, silent or half-made: a plan keeps the majority, joins beside no dead member and ends odd."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.changes import Changes, require_version, way_through, why_not_version
from runbook.domain.errors import RefusedError
from runbook.domain.growth import plan_joins
from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.plans import Action
from runbook.domain.repair import Move, plan_repair, plan_replace
from runbook.domain.shrink import plan_named, plan_shrink, why_not_remove
from runbook.domain.topology import NodeRole, NodeSpec, quorum

NODES = tuple(NodeSpec(f"dtr{n}", f"198.18.0.{n}", NodeRole.REGISTRY) for n in range(1, 10))
HEALTHY, DEAD, LOST, SILENT = "healthy", "dead", "lost with its node", "healthy on a node that is silent here"
MEMBERS = st.lists(st.sampled_from([HEALTHY, HEALTHY, HEALTHY, DEAD, LOST, SILENT]), min_size=1, max_size=7)


@dataclass(frozen=True)
class World:
    """A cluster with its registry nodes."""

    seen: ClusterSeen
    unfit: frozenset[str]


def replica(number: int, state: str) -> Replica:
    name = f"{number:012x}"
    word = "running" if state == HEALTHY else "exited"
    services = dict.fromkeys(SERVICES, word) if state != "half-made" else {}
    why = None if state == HEALTHY else "not running: rethinkdb"
    return Replica(name, f"dtr{number}", "2.9.29", services, (f"dtr-rethink-{name}",), why)


def cluster_of(*states: str, half_made: tuple[int, ...] = ()) -> ClusterSeen:
    """Return a cluster whose members are on dtr1, dtr2, …, in these states."""
    numbered = list(enumerate(states, 1))
    there = [replica(n, state) for n, state in numbered if state in (HEALTHY, DEAD)]
    places = {f"{n:012x}": f"dtr{n}" for n, _ in numbered} if HEALTHY in states else {}
    return ClusterSeen(
        tuple(there + [replica(n, "half-made") for n in half_made]),
        tuple(f"dtr{n}" for n, state in numbered if state in (LOST, SILENT)),
        tuple(places),
        places,
        tuple(f"{n:012x}" for n, state in numbered if state == SILENT and places),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    states = draw(MEMBERS)
    free = list(range(len(states) + 1, len(NODES) + 1))
    half_made = draw(st.lists(st.sampled_from(free), unique=True, max_size=2))
    unfit = draw(st.frozensets(st.sampled_from([node.name for node in NODES]), max_size=3))
    return World(cluster_of(*states, half_made=tuple(half_made)), unfit)


def plan_of(choose: Callable[[], Changes]) -> Changes | None:
    """Return the plan, None if it is refused; a refusal says why and what to do."""
    try:
        return choose()
    except RefusedError as refused:
        assert refused.what
        assert refused.next_step
        return None


def assert_safe(world: World, changes: Changes | None) -> None:
    """Carry the plan out on paper, one change after another."""
    if changes is None:
        return
    seen, members = world.seen, dict.fromkeys(world.seen.members)
    alive = set(members) - set(seen.dead)
    pair = len(members) == 2
    for removal in changes.dead:
        assert pair or len(alive) >= quorum(len(members))
        assert removal.replica_id not in alive
        members.pop(removal.replica_id)
    for joining in changes.joins:
        assert set(members) == alive, "a join beside a dead member"
        assert joining.node not in {*seen.unreachable, *world.unfit}
        assert joining.node not in {seen.node_of(member) for member in members}
        members[joining.node] = None
        alive.add(joining.node)
    for removal in changes.retired:
        assert set(members) == alive, "a healthy one goes beside a dead one"
        members.pop(removal.replica_id)
        alive.discard(removal.replica_id)
        assert len(alive) >= quorum(len(members)) > 0
    changed = changes.dead or changes.joins or changes.retired
    assert not changed or len(members) % 2 == 1
    assert all(step.reason for step in changes.steps)


@given(worlds(), st.integers(min_value=-1, max_value=9))
def test_a_growing_cluster_is_safe(world: World, wanted: int) -> None:
    world = World(world.seen, frozenset())
    assert_safe(world, plan_of(lambda: plan_joins(world.seen, NODES, wanted)))


@given(worlds(), st.integers(min_value=-1, max_value=9))
def test_a_shrinking_cluster_is_safe(world: World, wanted: int) -> None:
    assert_safe(world, plan_of(lambda: plan_shrink(world.seen, NODES, wanted)))


@given(worlds(), st.lists(st.sampled_from([node.name for node in NODES]), max_size=4))
def test_a_cluster_that_loses_named_nodes_is_safe(world: World, named: list[str]) -> None:
    assert_safe(world, plan_of(lambda: plan_named(world.seen, NODES, named)))


@given(worlds(), st.sampled_from([1, 3, 5, 7]))
def test_a_repaired_cluster_is_safe_and_whole(world: World, wanted: int) -> None:
    changes = plan_of(lambda: plan_repair(world.seen, NODES, wanted, world.unfit))
    assert_safe(world, changes)
    if changes:
        assert {removal.replica_id for removal in changes.dead} == set(world.seen.dead)
        assert len(changes.keep) + len(changes.joins) >= len(world.seen.members) - 1


@given(worlds(), st.sampled_from(NODES), st.sampled_from(NODES))
def test_a_cluster_whose_replica_moves_is_safe(world: World, old: NodeSpec, new: NodeSpec) -> None:
    move = Move(old.name, new.name)
    if old != new:
        assert_safe(world, plan_of(lambda: plan_replace(world.seen, NODES, move, world.unfit)))


@pytest.mark.parametrize(
    ("states", "goes", "reason"),
    [
        ((HEALTHY,), 1, "it is the last replica"),
        ((HEALTHY, HEALTHY), 2, None),
        ((HEALTHY, HEALTHY, HEALTHY), 1, None),
        ((HEALTHY, DEAD, HEALTHY), 2, None),
        ((HEALTHY, LOST, HEALTHY), 2, None),
        ((HEALTHY, DEAD, HEALTHY), 1, "it is healthy and 000000000002 is dead: the dead go first"),
        ((HEALTHY, SILENT, HEALTHY), 1, None),
        ((HEALTHY, DEAD, DEAD), 2, "no majority is healthy: 3 replicas, 1 healthy"),
        (
            (HEALTHY, DEAD),
            2,
            None,
        ),  # a join that was cut short: the first still answers, so its database is whole
        ((HEALTHY, HEALTHY, HEALTHY, DEAD, DEAD), 4, None),
        ((HEALTHY, HEALTHY, DEAD, DEAD), 3, "no majority is healthy"),
    ],
)
def test_a_member_leaves_only_while_a_majority_of_all_is_healthy(
    states: tuple[str, ...], goes: int, reason: str | None
) -> None:
    why = why_not_remove(cluster_of(*states), f"{goes:012x}")
    assert (why is None) is (reason is None), why
    assert reason is None or reason in str(why)


def actions(changes: Changes) -> list[tuple[str, str]]:
    return [(str(step.action), step.where) for step in changes.steps if step.action is not Action.KEEP]


def test_the_dead_go_first_and_then_those_on_the_last_nodes() -> None:
    seen = cluster_of(HEALTHY, DEAD, HEALTHY, HEALTHY, HEALTHY)
    changes = plan_shrink(seen, NODES, 3)
    assert [removal.node for removal in changes.dead] == ["dtr2"]
    assert [removal.node for removal in changes.retired] == ["dtr5"]
    drained = [step.what for step in changes.steps if step.action is Action.DRAIN]
    assert drained == ["the pool without dtr2", "the pool without dtr5"]


def test_the_replica_beside_the_images_never_goes() -> None:
    seen = cluster_of(HEALTHY, HEALTHY, HEALTHY)
    assert [r.node for r in plan_shrink(seen, NODES, 1, images_on="dtr3").retired] == ["dtr2", "dtr1"]
    with pytest.raises(RefusedError, match="images are in a volume there"):
        plan_named(seen, NODES, ["dtr3", "dtr1"], images_on="dtr3")
    with pytest.raises(RefusedError, match="images are in a volume there"):
        plan_replace(seen, NODES, Move("dtr3", "dtr4"), images_on="dtr3")


@pytest.mark.parametrize(
    ("named", "words", "next_step"),
    [
        (["dtr2"], "2 replicas would remain: 2 is even", "repair"),
        (["dtr1", "dtr2", "dtr3"], "0 replicas would remain: a cluster has at least one", "name one more"),
        (["dtr77"], "there is no node dtr77", "dtr1"),
    ],
)
def test_what_is_named_may_not_leave_an_even_number_or_none(
    named: list[str], words: str, next_step: str
) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        plan_named(cluster_of(HEALTHY, HEALTHY, HEALTHY), NODES, named)
    assert next_step in refused.value.next_step


def test_what_has_gone_already_is_kept_gone() -> None:
    seen = cluster_of(HEALTHY, HEALTHY, HEALTHY)
    assert actions(plan_named(seen, NODES, ["dtr4", "ffffffffffff"])) == []


@pytest.mark.parametrize(
    ("states", "wanted"),
    [((HEALTHY, DEAD, HEALTHY), 3), ((HEALTHY, HEALTHY, LOST), 3), ((HEALTHY,) * 4 + (DEAD,) * 3, 5)],
    ids=["nothing is surplus", "nothing is surplus and its node is silent", "more are dead than surplus"],
)
def test_a_shrink_that_would_leave_a_dead_member_names_repair(states: tuple[str, ...], wanted: int) -> None:
    with pytest.raises(RefusedError, match="would stay, and it is dead") as refused:
        plan_shrink(cluster_of(*states), NODES, wanted)
    assert "runbook repair" in refused.value.next_step


def test_the_bootstrapper_works_through_a_member_that_can_be_reached_or_it_is_said_that_none_can() -> None:
    assert way_through(cluster_of(HEALTHY, HEALTHY)) == "000000000001"
    assert way_through(cluster_of(HEALTHY, HEALTHY), without="000000000001") == "000000000002"
    with pytest.raises(
        RefusedError, match="no other healthy replica .* from here: dtr2, dtr3 does not answer"
    ):
        way_through(cluster_of(HEALTHY, SILENT, SILENT), without="000000000001")


def test_the_version_of_those_that_serve_is_that_of_the_cluster_file() -> None:
    seen = cluster_of(HEALTHY, DEAD, HEALTHY)
    assert why_not_version(seen, "2.9.29") is None
    first, dead, last = seen.replicas
    half = replace(seen, replicas=(first, dead, replace(last, version="2.10.4")))
    assert why_not_version(half, "2.9.29") == (
        "000000000003 on dtr3 runs 2.10.4; the cluster file says 2.9.29"
    )
    with pytest.raises(RefusedError, match="000000000001 on dtr1 runs 2.9.29") as refused:
        require_version(half, "2.10.4")
    assert "finish `runbook upgrade` first" in refused.value.next_step
    assert why_not_version(replace(seen, replicas=(first, replace(dead, version="2.8.1"))), "2.9.29") is None


@pytest.mark.parametrize("wanted", [0, 2, 4, 6])
def test_a_cluster_does_not_shrink_to_an_even_number(wanted: int) -> None:
    with pytest.raises(RefusedError):
        plan_shrink(cluster_of(*[HEALTHY] * 7), NODES, wanted)


def test_a_smaller_cluster_is_told_that_scale_out_is_the_way() -> None:
    with pytest.raises(RefusedError) as refused:
        plan_shrink(cluster_of(HEALTHY), NODES, 3)
    assert refused.value.next_step == "run `runbook scale-out --replicas 3` to join more"


def test_a_dead_replica_comes_back_on_its_own_node_after_it_was_removed() -> None:
    changes = plan_repair(cluster_of(HEALTHY, DEAD, HEALTHY), NODES, 3)
    assert actions(changes) == [
        ("drain", "load balancer"),
        ("remove", "dtr2"),
        ("join", "dtr2"),
        ("configure", "load balancer"),
    ]


def test_a_dead_replica_comes_back_elsewhere_if_its_node_is_silent_or_unfit() -> None:
    assert [j.node for j in plan_repair(cluster_of(HEALTHY, LOST, HEALTHY), NODES, 3).joins] == ["dtr4"]
    unfit = {"dtr2", "dtr4"}
    assert [j.node for j in plan_repair(cluster_of(HEALTHY, DEAD, HEALTHY), NODES, 3, unfit).joins] == [
        "dtr5"
    ]


def test_all_the_dead_go_before_the_first_one_comes() -> None:
    changes = plan_repair(cluster_of(HEALTHY, DEAD, HEALTHY, LOST, HEALTHY), NODES[:6], 5)
    done = [(action, where) for action, where in actions(changes) if where != "load balancer"]
    assert done == [("remove", "dtr2"), ("remove", "dtr4"), ("join", "dtr2"), ("join", "dtr6")]
    assert changes.dead_nodes == "dtr2,dtr4"


def test_a_repair_without_a_node_for_the_new_replica_removes_nothing() -> None:
    with pytest.raises(RefusedError, match="3 replicas are to be healthy and there are fit nodes for 2"):
        plan_repair(cluster_of(HEALTHY, LOST, HEALTHY), NODES[:3], 3)


def test_a_repair_that_was_cut_short_after_its_removals_is_finished() -> None:
    assert [j.node for j in plan_repair(cluster_of(HEALTHY, HEALTHY), NODES, 3).joins] == ["dtr3"]


def test_a_repair_refuses_a_dead_majority_and_names_restore() -> None:
    with pytest.raises(RefusedError, match="no majority is healthy") as refused:
        plan_repair(cluster_of(HEALTHY, DEAD, DEAD), NODES, 3)
    assert "runbook restore --plan" in refused.value.next_step


def test_a_replica_that_only_we_cannot_reach_is_not_taken_for_dead() -> None:
    changes = plan_repair(cluster_of(HEALTHY, SILENT, HEALTHY), NODES, 3)
    assert actions(changes) == []
    assert "its node is silent here" in {step.where: step.reason for step in changes.steps}["dtr2"]


def test_a_healthy_replica_moves_by_joining_first_and_a_dead_one_by_removing_first() -> None:
    move = Move("dtr2", "dtr4")
    healthy = plan_replace(cluster_of(HEALTHY, HEALTHY, HEALTHY), NODES, move)
    assert [action for action, _ in actions(healthy)] == ["join", "configure", "drain", "remove"]
    dead = plan_replace(cluster_of(HEALTHY, DEAD, HEALTHY), NODES, move)
    assert [action for action, _ in actions(dead)] == ["drain", "remove", "join", "configure"]


@pytest.mark.parametrize(
    ("states", "move", "words"),
    [
        ((HEALTHY, HEALTHY, HEALTHY), Move("dtr5", "dtr6"), "no replica is there"),
        ((HEALTHY, HEALTHY, HEALTHY), Move("dtr1", "dtr2"), "2 replicas would be there in the end"),
        ((HEALTHY, HEALTHY), Move("dtr1", "dtr3"), "2 replicas would be there in the end"),
        ((HEALTHY, HEALTHY, DEAD), Move("dtr1", "dtr4"), "000000000003 is dead"),
        ((HEALTHY, HEALTHY, HEALTHY), Move("dtr1", "dtr99"), "no registry node of the cluster file"),
        ((HEALTHY, DEAD, DEAD), Move("dtr2", "dtr4"), "no majority is healthy"),
    ],
)
def test_a_move_that_cannot_end_well_is_refused(states: tuple[str, ...], move: Move, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        plan_replace(cluster_of(*states), NODES, move)
