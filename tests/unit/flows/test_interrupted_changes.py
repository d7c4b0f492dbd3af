"""Replicas that come and go, killed at every moment: a second run finishes, and at no moment is quorum at risk."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.logging import disable_run_logger

from flows.changing import change
from flows.growth import grow
from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.plans import Action
from runbook.remote import turns
from tasks.load_balancer import ensure_pool
from tasks.removal import choose_repair, choose_replace, choose_shrink
from tasks.replicas import choose_joins
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.member_cluster import LOCKED, Killed, MemberCluster, member_cluster
from tests.fakes.runs import DirectRun

Act = Callable[[MemberCluster], DirectRun]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks come at once after one another."""
    monkeypatch.setattr(turns, "POLL", 0.0)
    monkeypatch.setattr(turns, "LOCK_POLL", 0.0)
    with disable_run_logger():
        yield


def changed(flow: str, task: Any, *args: Any) -> Act:
    def act(cluster: MemberCluster, plan_only: bool = False) -> DirectRun:
        run = DirectRun(flow, cluster)
        change(cast("Any", run), task, *args, plan_only=plan_only)
        return run

    return act


def grown(wanted: int) -> Act:
    planned = changed("scale-out", choose_joins, wanted)

    def act(cluster: MemberCluster, plan_only: bool = False) -> DirectRun:
        if plan_only:
            return cast("Any", planned)(cluster, plan_only=True)  # type: ignore[no-any-return]
        run = DirectRun("scale-out", cluster)
        grow(cast("Any", run), wanted)
        return run

    return act


THREE = (alive(1), alive(2), alive(3))
FIVE = (*THREE, alive(4), alive(5))
SCENES: dict[str, tuple[tuple[Any, ...], Act, set[str]]] = {
    "scale-out 1 to 3": ((alive(1),), grown(3), {"dtr1", "dtr2", "dtr3"}),
    "remove 5 to 3": (FIVE, changed("remove", choose_shrink, 3, ()), {"dtr1", "dtr2", "dtr3"}),
    "remove 3 to 1": (THREE, changed("remove", choose_shrink, 1, ()), {"dtr1"}),
    "remove two by name": (
        FIVE,
        changed("remove", choose_shrink, None, ("dtr2", IDS[3])),
        {"dtr1", "dtr3", "dtr5"},
    ),
    "remove 3 to 1 with one dead": (
        (alive(1), dead(2), alive(3)),
        changed("remove", choose_shrink, 1, ()),
        {"dtr1"},
    ),
    "repair one of three": (
        (alive(1), dead(2), alive(3)),
        changed("repair", choose_repair, ()),
        {"dtr1", "dtr2", "dtr3"},
    ),
    "repair two of five": (
        (alive(1), dead(2), alive(3), dead(4), alive(5)),
        changed("repair", choose_repair, ()),
        {f"dtr{n}" for n in range(1, 6)},
    ),
    "replace a healthy one": (THREE, changed("replace", choose_replace, "dtr2", "dtr4", ()), {"dtr1", "dtr3", "dtr4"}),
    "replace a dead one": (
        (alive(1), dead(2), alive(3)),
        changed("replace", choose_replace, "dtr2", "dtr4", ()),
        {"dtr1", "dtr3", "dtr4"},
    ),
}  # fmt: skip


def world(folder: Path, scene: str, **settings: Any) -> tuple[MemberCluster, Act, set[str]]:
    replicas, act, nodes = SCENES[scene]
    kill_at = settings.pop("kill_at", -1)
    cluster = member_cluster(folder, *replicas, **settings)
    cluster.settings.replicas = 5 if scene == "repair two of five" else 3
    if scene != "scale-out 1 to 3":
        alive_ones = [r.node for r in replicas if not r.healthy]
        ensure_pool.fn(cast("Any", cluster), ",".join(alive_ones))
    cluster.moments.clear()
    cluster.kill_at = kill_at
    return cluster, act, nodes


def assert_whole(cluster: MemberCluster, nodes: set[str]) -> None:
    assert set(cluster.members.values()) == nodes
    assert cluster.healthy == cluster.members.keys() == {r.replica_id for r in cluster.replicas}
    assert set(cluster.load_balancer.pool_state()) == nodes
    assert not cluster.phases


@pytest.mark.parametrize(
    "survives", [False, True], ids=["its bootstrapper dies too", "its bootstrapper goes on"]
)
@pytest.mark.parametrize("scene", SCENES)
def test_a_run_that_is_killed_at_any_moment_is_finished_by_the_next(
    scene: str, survives: bool, tmp_path: Path
) -> None:
    kills = 0
    while True:
        cluster, act, nodes = world(tmp_path / str(kills), scene, survives=survives, kill_at=kills)
        try:
            act(cluster)
            break
        except Killed:
            cluster.kill_at = -1
        _finish(cluster, act)
        assert_whole(cluster, nodes)
        kills += 1
    assert_whole(cluster, nodes)
    assert kills > len(nodes)


def _finish(cluster: MemberCluster, act: Act) -> None:
    """Run again; what a join that died left counted is a dead member, and `repair` is named for it."""
    try:
        act(cluster)
    except RefusedError as refused:
        assert "runbook repair" in str(refused)
        changed("repair", choose_repair, ())(cluster)
        act(cluster)


@pytest.mark.parametrize("scene", SCENES)
def test_a_second_run_changes_nothing_and_says_why(scene: str, tmp_path: Path) -> None:
    cluster, act, nodes = world(tmp_path, scene)
    act(cluster)
    cluster.moments.clear()
    run = act(cluster)
    assert cluster.moments == []
    assert {step.action for step in run.report.did} == {Action.KEEP}
    assert all(step.reason for step in run.report.did)


@pytest.mark.parametrize("scene", SCENES)
def test_a_plan_touches_nothing_and_afterwards_has_nothing_to_do(scene: str, tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, scene)
    plans = []
    for _ in range(2):
        plan = cast("Any", act)(cluster, plan_only=True).report.plan
        plans.append({step.action for step in plan.steps})
        assert cluster.moments == []
        act(cluster)
        cluster.moments.clear()
    assert plans[0] > {Action.KEEP}
    assert plans[1] == {Action.KEEP}


def test_the_lock_of_a_join_that_failed_is_awaited_and_it_is_said_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster, act, nodes = world(tmp_path, "scale-out 1 to 3", locked_for=3)
    with caplog.at_level(logging.INFO):
        act(cluster)
    assert_whole(cluster, nodes)
    waited = [record.message for record in caplog.records if LOCKED in record.message]
    assert waited == [f"dtr2: not yet: another operation's lock is awaited: {LOCKED}"]


def test_a_lock_that_does_not_go_away_ends_the_wait_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LOCK_WITHIN", 0.0)
    cluster, act, _ = world(tmp_path, "scale-out 1 to 3", locked_for=3)
    with pytest.raises(NotReadyError, match="the cluster is locked") as ended:
        act(cluster)
    assert "dtr-phase2" in ended.value.next_step


def test_a_bootstrapper_that_another_run_started_is_waited_for(tmp_path: Path) -> None:
    cluster, act, nodes = world(tmp_path, "remove 3 to 1")
    cluster.phases["dtr1"] = "running"
    cluster.undone = [lambda: cluster.phases.update(dtr1="exited")]
    run = act(cluster)
    assert_whole(cluster, nodes)
    assert "dtr1: destroy container dtr-phase2" in str(run.report.did[2]) + str(run.report.did[1])


def test_a_dead_replica_whose_node_is_silent_is_joined_on_a_free_node(tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, "repair one of three", unreachable=("dtr2",))
    act(cluster)
    assert set(cluster.members.values()) == {"dtr1", "dtr3", "dtr4"}
    assert set(cluster.load_balancer.pool_state()) == {"dtr1", "dtr3", "dtr4"}


@pytest.mark.parametrize("scene", SCENES)
def test_a_pool_that_has_drifted_is_in_the_plan_of_a_cluster_that_is_whole(
    scene: str, tmp_path: Path
) -> None:
    cluster, act, nodes = world(tmp_path, scene)
    act(cluster)
    cluster.load_balancer.pool = ("dtr9",)
    plan = cast("Any", act)(cluster, plan_only=True).report.plan
    assert [(s.action, s.where) for s in plan.steps if s.action is not Action.KEEP] == [("configure", "lb-1")]
    assert cluster.load_balancer.pool == ("dtr9",)
    assert act(cluster).report.did[-1] == plan.steps[-1]
    assert_whole(cluster, nodes)


def test_a_replica_that_serves_while_its_node_is_silent_here_stays_in_the_pool(tmp_path: Path) -> None:
    cluster, act, nodes = world(tmp_path, "repair two of five", without_ssh=("dtr3",))
    act(cluster)
    assert set(cluster.load_balancer.pool_state()) == set(cluster.members.values()) == nodes


def test_a_node_that_comes_back_with_a_removed_replica_is_cleaned_before_it_is_used(tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, "repair one of three", unreachable=("dtr2",))
    act(cluster)
    cluster.unreachable = ()
    cluster.settings.replicas = 5
    grown(5)(cluster)
    assert_whole(cluster, {f"dtr{n}" for n in range(1, 6)})
    assert cluster.bootstrapper.destroyed == [IDS[1]]


@pytest.mark.parametrize("scene", [scene for scene in SCENES if "remove" not in scene])
def test_no_replica_goes_or_comes_where_images_cannot_be_brought(scene: str, tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, scene)
    members = dict(cluster.members)
    cluster.lacking = tuple(node.name for node in cluster.settings.managers)
    with pytest.raises(RefusedError, match="its images were not pulled"):
        act(cluster)
    assert (cluster.moments, cluster.members) == ([], members)


def test_images_are_brought_where_the_bootstrapper_runs_and_replicas_come(tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, "repair one of three")
    cluster.settings.registry_nodes[0].name = "dtr2"
    act(cluster)
    assert set(cluster.brought) == {"mke-manager-1", "dtr2"}


def test_the_id_and_the_number_of_a_new_replica_are_in_the_report(tmp_path: Path) -> None:
    cluster, act, _ = world(tmp_path, "scale-out 1 to 3")
    joined = [str(step) for step in act(cluster).report.did if step.action is Action.JOIN]
    assert joined == [
        "dtr2: join replica 000000000001 (number 2; all of 1 are healthy)",
        "dtr3: join replica 000000000002 (number 3; all of 2 are healthy)",
    ]


def test_a_run_that_leaves_an_even_number_as_it_was_warns_of_it(tmp_path: Path) -> None:
    cluster = member_cluster(tmp_path, *THREE, alive(4))
    run = changed("remove", choose_shrink, None, ("dtr5",))(cluster)
    assert run.report.notes == [
        "4 replicas, 4 healthy",
        "4 replicas, an even number, outlive no more failures than 3",
    ]
