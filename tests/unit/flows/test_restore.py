"""A restore up to its first change: what would stop it half-way is met before anything is set aside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from flows import restore as restore_module
from flows.approval import GivenApproval
from flows.restore import restore
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.plans import Action
from runbook.domain.report import Report
from runbook.domain.topology import NodeSpec
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.local_node import LocalNode
from tests.fakes.points import take_point
from tests.fakes.runs import DirectRun

NODES = ("dtr1", "dtr2", "dtr3", "dtr4")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A recovery point, three dead replicas without services, and every image but what a test takes away."""
    with disable_run_logger():
        cluster = FakeCluster(tmp_path / "vault")
        cluster.folder.mkdir()
        registry = cluster.settings.registry_nodes
        for node, name in zip(registry, NODES, strict=True):
            node.name = name
        cluster.registry_nodes = tuple(NodeSpec(node.name, node.address, node.role) for node in registry)
        cluster.settings.vault.url = f"file://{cluster.folder}"
        cluster.settings.control_plane.url = "https://127.0.0.1:9"
        assert cluster.settings.storage.s3
        cluster.settings.storage.s3.endpoint = "http://127.0.0.1:9"
        cluster.replicas = [alive(1)]
        take_point(cluster)
        cluster.replicas = [dead(n, services=False, volumes=False) for n in (1, 2, 3)]
        for managed in cluster.settings.nodes:
            node_of(cluster, managed.name).load(*cluster.bootstrapper.images())
        monkeypatch.setattr(restore_module, "Run", lambda flow, _name: DirectRun(flow, cluster))
        monkeypatch.setattr(restore_module, "preflight", lambda *_args, **_options: [])
        yield cluster


def node_of(cluster: FakeCluster, name: str) -> LocalNode:
    return cluster.ssh(name)


def planned() -> Report:
    return restore.fn("lab", plan_only=True)


def approved(cluster: FakeCluster) -> Report:
    assert (plan := planned().plan)
    given: Any = GivenApproval.of(plan, cluster=cluster.name, approver="Ada", reason="drill")
    return restore.fn("lab", approval=given)


def takes_all_images(cluster: FakeCluster, name: str) -> None:
    (node_of(cluster, name).folder / "images").write_text("")


@pytest.mark.parametrize("lost", ["mke-manager-1", "dtr1", "dtr3"])
def test_images_that_cannot_be_brought_end_it_before_anything_is_touched(
    cluster: FakeCluster, lost: str
) -> None:
    takes_all_images(cluster, lost)
    with pytest.raises(RefusedError, match=f"{lost}: its images were not pulled"):
        approved(cluster)
    assert [replica.replica_id for replica in cluster.replicas] == list(IDS[:3])
    assert cluster.bootstrapper.destroyed == []


def test_a_node_that_gets_no_replica_may_lack_its_images(cluster: FakeCluster) -> None:
    takes_all_images(cluster, "dtr4")
    assert not [note for note in planned().notes if "load images" in note]


def test_the_plan_names_the_nodes_and_the_report_what_they_lack(cluster: FakeCluster) -> None:
    before = planned()
    takes_all_images(cluster, "dtr2")
    after = planned()
    assert before.plan
    assert after.plan
    steps = [step.where for step in after.plan.steps if step.action is Action.LOAD_IMAGES]
    assert steps == ["dtr1", "dtr2", "dtr3"]
    (lacks,) = [note for note in after.notes if note.startswith("dtr2: load images")]
    assert "mirantis/dtr:2.9.29 is not there" in lacks
    assert before.plan.digest() == after.plan.digest()


def test_a_port_that_a_replica_needs_stops_it_before_anything_is_touched(cluster: FakeCluster) -> None:
    assert cluster.settings.storage.s3
    cluster.settings.storage.s3.endpoint = "http://no.such.invalid:9"
    with pytest.raises(UnreachableError, match=r"from dtr1, dtr2, dtr3 to storage port 9/tcp"):
        planned()


def test_a_node_that_gets_no_replica_is_not_asked_for_its_ports(cluster: FakeCluster) -> None:
    docker = node_of(cluster, "dtr4").folder / "bin" / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    seen = planned()
    (network,) = [found for found in seen.findings if found.where == "network"]
    assert "from 4 machines, none is closed" in network.what  # three nodes and the load balancer
