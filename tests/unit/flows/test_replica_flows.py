"""remove, repair and replace from their first look to their report."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from flows import fitness
from flows import remove as remove_module
from flows import repair as repair_module
from flows import replace as replace_module
from runbook.domain.errors import RefusedError
from runbook.domain.findings import Finding, Level
from runbook.domain.report import Report
from tests.fakes.clusters import alive, dead
from tests.fakes.member_cluster import MemberCluster, member_cluster
from tests.fakes.runs import DirectRun

Start = Callable[..., Report]
FULL = "1.0 GiB are free for the engine"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemberCluster]:
    """Three replicas, one of them dead; each look finds what `found` says."""
    cluster = member_cluster(tmp_path, alive(1), dead(2), alive(3))
    for module in (remove_module, repair_module, replace_module):
        monkeypatch.setattr(module, "Run", lambda flow, _name: DirectRun(flow, cluster))
    with disable_run_logger():
        yield cluster


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(*findings: Finding) -> None:
        def look(run: Any, *, ports: bool, also: Any) -> list[Any]:
            assert ports, "a replica will be put on a node"
            run.report.findings = findings
            return []

        monkeypatch.setattr(fitness, "look", look)

    put()
    return put


def blocks(where: str) -> Finding:
    return Finding(Level.BLOCKS, where, FULL, "free some")


def test_a_node_that_is_unfit_gets_no_replica_and_does_not_stand_in_the_way(
    cluster: MemberCluster, finds: Callable[..., None]
) -> None:
    finds(blocks("dtr2"))
    report = repair_module.repair.fn("lab")
    assert set(cluster.members.values()) == {"dtr1", "dtr3", "dtr4"}
    assert [found.level for found in report.findings] == [Level.WARNING]
    assert report.state == "completed"


def test_what_blocks_elsewhere_blocks(cluster: MemberCluster, finds: Callable[..., None]) -> None:
    managers = [node.name for node in cluster.settings.managers]
    finds(*(blocks(name) for name in managers))
    with pytest.raises(RefusedError, match=FULL):
        repair_module.repair.fn("lab")
    assert cluster.moments == []


@pytest.mark.parametrize(
    ("start", "last"),
    [
        (lambda: repair_module.repair.fn("lab", plan_only=True), ("configure", "load balancer")),
        (lambda: remove_module.remove.fn("lab", replicas=1, plan_only=True), ("remove", "dtr3")),
        (lambda: remove_module.remove.fn("lab", named=["dtr2", "dtr1"], plan_only=True), ("remove", "dtr1")),
        (
            lambda: replace_module.replace.fn("lab", "dtr2", "dtr5", plan_only=True),
            ("configure", "load balancer"),
        ),
    ],
    ids=["repair", "remove", "remove by name", "replace"],
)
def test_a_plan_names_its_flow_and_touches_nothing(
    start: Start, last: tuple[str, str], cluster: MemberCluster, finds: Callable[..., None]
) -> None:
    report = start()
    assert report.plan
    assert report.plan.flow == report.flow
    assert (report.plan.steps[-1].action, report.plan.steps[-1].where) == last
    assert report.state == "planned, nothing was touched"
    assert cluster.moments == []


def test_what_is_done_is_done_under_the_clusters_lock_which_is_given_back(
    cluster: MemberCluster, finds: Callable[..., None]
) -> None:
    replace_module.replace.fn("lab", "dtr2", "dtr5")
    assert set(cluster.members.values()) == {"dtr1", "dtr3", "dtr5"}
    assert [seen.key for seen in cluster.vault.list("") if "locks" in seen.key] == []
