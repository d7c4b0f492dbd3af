"""Runbooks that are killed (SIGKILL) after each of their steps in turn, and run again until they end."""

import pytest

from tests.e2e.killed_runs import Finished, finish_despite_kills
from tests.e2e.runs import runbook
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def life(lab_cluster: LabCluster) -> LabCluster:
    """A cluster without a registry; the tests below are its life, in their order."""
    lab_cluster.reset()
    return lab_cluster


def test_an_install_that_is_killed_after_each_step_is_finished_by_the_next(life):
    done = finish_despite_kills(life, "install")
    assert {"first replica", "storage settings", "load balancer pool"} <= set(done.killed_after)
    assert_whole(life, done, replicas=1)


def test_a_scale_out_that_is_killed_after_each_step_is_finished_by_the_next(life):
    done = finish_despite_kills(life, "scale-out")
    assert {"replica on dtr2", "replica on dtr3", "load balancer pool"} <= set(done.killed_after)
    assert_whole(life, done, replicas=3)
    assert set(runbook("scale-out", cluster=life.file).kept.values()) == {
        "it is a healthy member",
        "its configuration is as wanted",
    }


def assert_whole(cluster: LabCluster, done: Finished, *, replicas: int) -> None:
    """Check that so many replicas are there, each of them whole and in the pool, and nothing else is left."""
    world = done.world
    assert len(world.replicas) == replicas
    assert world.left_over == []
    assert {volume[-12:] for _, volume in world.volumes if volume.startswith("dtr-")} == world.replicas
    connection = cluster.connect()
    try:
        seen = connection.observe()
    finally:
        connection.close()
    assert {r.replica_id for r in seen.healthy} == world.replicas == set(seen.members)
    assert all(f"server {r.node} " in world.balancer for r in seen.replicas)
