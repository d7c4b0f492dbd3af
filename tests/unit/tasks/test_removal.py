from collections.abc import Callable
from dataclasses import replace

import pytest

from runbook.domain.changes import Removal
from runbook.domain.errors import RefusedError
from runbook.domain.leftovers import Leftover
from tasks.first_replica import plan_first_replica
from tasks.leftovers import clear_leftover
from tasks.removal import choose_repair, choose_replace, choose_shrink, ensure_removed
from tasks.replicas import choose_joins, ensure_replica_on
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead


def test_a_leftover_is_looked_at_again_before_it_is_destroyed(cluster: FakeCluster) -> None:
    cluster.replicas, cluster.counted = [alive(1), alive(2)], (IDS[0],)
    with pytest.raises(RefusedError, match="was a leftover and is none now: its own probe answers"):
        clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    assert cluster.bootstrapper.destroyed == []
    cluster.replicas[1] = dead(2)
    clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    assert cluster.bootstrapper.destroyed == [IDS[1]]


def test_a_repair_leaves_a_member_alone_that_only_we_cannot_reach(cluster: FakeCluster) -> None:
    cluster.replicas, cluster.counted, cluster.unreachable = [alive(1), alive(2)], IDS[:3], ("dtr3",)
    assert [removal.replica_id for removal in choose_repair.fn(cluster, ()).dead] == [IDS[2]]
    cluster.vouched = {IDS[2]: "2026-11-25T02:00:00Z"}
    removal = Removal(IDS[2], "dtr3", "it is dead")
    for act in (lambda: choose_repair.fn(cluster, ()), lambda: ensure_removed.fn(cluster, removal)):
        with pytest.raises(RefusedError, match="the registry itself says that it is healthy"):
            act()


@pytest.mark.parametrize(
    "act",
    [
        lambda cluster: choose_shrink.fn(cluster, 1, ()),
        lambda cluster: choose_repair.fn(cluster, ()),
        lambda cluster: choose_replace.fn(cluster, "dtr3", "dtr4", ()),
        lambda cluster: ensure_removed.fn(cluster, Removal(IDS[2], "dtr3", "it was named")),
        lambda cluster: choose_joins.fn(cluster, 5),
        lambda cluster: ensure_replica_on.fn(cluster, "dtr4"),
        plan_first_replica.fn,
    ],
    ids=["remove", "repair", "replace", "one removal", "scale-out", "one join", "install"],
)
def test_no_bootstrapper_of_another_version_than_what_runs_is_run(
    act: Callable[[FakeCluster], object], cluster: FakeCluster
) -> None:
    cluster.replicas = [replace(alive(n), version="2.10.4") for n in (1, 2, 3)]
    with pytest.raises(RefusedError, match=r"runs 2\.10\.4, .* the cluster file says 2\.9\.29") as refused:
        act(cluster)
    assert refused.value.next_step.startswith("set `registry.version` to what runs")
    assert len(cluster.replicas) == 3
