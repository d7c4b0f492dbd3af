"""Runbooks that are killed (SIGKILL) after each of their steps in turn, and run again until they end."""

import json

import pytest

from lab import commands
from tests.e2e.killed_runs import Finished, finish_despite_kills
from tests.e2e.runs import Ended, runbook
from tests.e2e.world import look
from tests.lab_cluster import LabCluster

pytestmark = [pytest.mark.e2e, pytest.mark.own_cluster]
OF_A_BACKUP = (
    "begin recovery point", "release a forgotten hold", "copy images", "push canary", "stream control plane",
    "hold garbage collection", "stream metadata", "release garbage collection", "prove the point", "seal point",
)  # fmt: skip
"""Steps of a backup, which is killed after each of them elsewhere: tests/integration/test_crashes.py."""


TRIES = ("try the storage", "judge findings")
"""Steps of an install that leave nothing: the object that was tried is deleted by its own step."""


@pytest.fixture
def over_docker(altered):
    """The lab's cluster file, with everything run through the control plane's Docker API."""
    return altered(lambda content: content.update(transport="docker"))


@pytest.fixture(scope="module")
def life(lab_cluster: LabCluster) -> LabCluster:
    """A cluster without a registry; the tests below are its life, in their order."""
    lab_cluster.reset()
    return lab_cluster


def test_an_install_that_is_killed_after_each_step_is_finished_by_the_next(life):
    done = finish_despite_kills(life, "install", spared=TRIES)
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


def test_a_repair_over_docker_that_is_killed_after_each_step_is_finished_by_the_next(life, over_docker):
    commands.break_fault("replicas-destroyed", "dtr3")
    before = look(life).replicas
    done = finish_despite_kills(life, "repair", file=over_docker)
    assert len(done.killed_after) > 4
    assert_whole(life, done, replicas=3)
    assert before < done.world.replicas
    assert _actions(runbook("repair", "--plan", "--json", cluster=over_docker)) == {"keep"}


def test_a_removal_that_is_killed_after_each_step_is_finished_by_the_next(life):
    done = finish_despite_kills(life, "remove", "--replicas", "1")
    assert len(done.killed_after) > 4
    assert_whole(life, done, replicas=1)
    assert _actions(runbook("remove", "--replicas", "1", "--plan", "--json", cluster=life.file)) == {"keep"}


def test_an_upgrade_over_docker_that_is_killed_after_each_step_is_finished_by_the_next(life, over_docker):
    backed_up = runbook("backup", cluster=life.file)
    assert backed_up.status == 0, backed_up.stderr
    done = finish_despite_kills(life, "upgrade", "--to", "2.10.4", spared=OF_A_BACKUP, file=over_docker)
    assert len(done.killed_after) > 6
    assert_whole(life, done, replicas=1)
    assert len(done.world.points) == 2


def _actions(planned: Ended) -> set[str]:
    assert planned.status == 0, planned.stderr
    return {step["action"] for step in json.loads(planned.stdout)["steps"]}


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
