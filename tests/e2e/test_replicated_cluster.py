"""Three replicas: how they were made while a second runbook was started, and that restore stays the last resort."""

import json
from pathlib import Path

import pytest

from lab import commands
from runbook.domain.errors import LockedError, RefusedError
from tests.e2e.conftest import wait_until_healthy
from tests.e2e.runs import assert_failed, runbook
from tests.e2e.secrets_of_the_lab import FORCED
from tests.e2e.world import World, assert_nothing_lost, look
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.e2e


def test_a_second_runbook_is_refused_while_one_runs_and_is_told_which(replicated):
    what = rf"scale-out holds the cluster since .* UTC \(run {replicated.first.flow_run_id} on "
    assert_failed(replicated.second, LockedError, "lab", what, "wait for it; if it died, its lease ends at")
    after = look(replicated.cluster)
    assert (len(after.replicas), len(after.points)) == (3, 1)
    assert after.left_over == []


def test_no_secret_was_seen_while_replicas_came_but_as_the_vendor_wants_it(replicated):
    seen = replicated.command_lines
    assert any("registry.bootstrapper join" in line for line in seen.programs)
    assert seen.exposed == set()
    assert seen.held <= FORCED


def test_a_second_scale_out_keeps_everything_and_says_why(replicated):
    before = look(replicated.cluster)
    again = runbook("scale-out", cluster=replicated.cluster.file)
    assert again.status == 0
    assert sorted(again.kept.values()) == ["it is a healthy member"] * 3 + ["its configuration is as wanted"]
    assert_nothing_lost(before, look(replicated.cluster))


def test_a_restore_is_refused_while_every_replica_is_healthy(replicated):
    before = look(replicated.cluster)
    ended = runbook("restore", "--approve", "a test", cluster=replicated.cluster.file)
    what = r"it is not needed: every replica is healthy \(3 replicas, 3 healthy\)"
    assert_failed(ended, RefusedError, "restore", what, "nothing is to be restored; see `runbook check`")
    assert look(replicated.cluster) == before


def test_a_restore_is_refused_while_a_minority_is_dead_and_the_remedy_is_named(replicated):
    wait_until_healthy(replicated.cluster)
    commands.break_fault("replicas-destroyed", "dtr3")
    before = look(replicated.cluster)
    ended = runbook("restore", "--approve", "a test", cluster=replicated.cluster.file)
    what = r"it is not needed: a majority of 3 replicas is healthy \(3 replicas, 2 healthy\)"
    assert_failed(ended, RefusedError, "restore", what, "run `runbook repair`: it removes the dead")
    assert look(replicated.cluster) == before


def test_a_scale_out_beside_a_dead_replica_is_refused(replicated):
    before = look(replicated.cluster)
    assert len(before.replicas) == 2  # as the test before left it
    ended = runbook("scale-out", cluster=replicated.cluster.file)
    what = "the cluster is not healthy: .* a member, and found on no node"
    assert_failed(ended, RefusedError, "scale-out", what, "run `runbook repair`")
    assert look(replicated.cluster) == before


def test_a_dead_replica_is_repaired_as_planned_and_then_nothing_is_to_do(replicated):
    before = look(replicated.cluster)
    plan = planned("repair", cluster=replicated.cluster.file)
    assert [step for step in plan if step[0] != "keep"] == [
        ("drain", "load balancer"),
        ("remove", "dtr3"),
        ("join", "dtr3"),
        ("configure", "load balancer"),
    ]
    assert look(replicated.cluster) == before
    ended = runbook("repair", cluster=replicated.cluster.file)
    assert ended.status == 0, ended.stderr
    after = look(replicated.cluster)
    assert len(after.replicas) == 3
    assert before.replicas < after.replicas
    assert after.left_over == []
    assert pool_of(after) == {"dtr1", "dtr2", "dtr3"}
    kept = {("keep", place) for place in ("dtr1", "dtr2", "dtr3", "lb1")}
    assert set(planned("repair", cluster=replicated.cluster.file)) == kept


def test_a_cluster_shrinks_to_one_replica_and_the_pool_with_it(replicated):
    before = look(replicated.cluster)
    ended = runbook("remove", "--replicas", "1", cluster=replicated.cluster.file)
    assert ended.status == 0, ended.stderr
    after = look(replicated.cluster)
    assert len(after.replicas) == 1
    assert after.replicas < before.replicas
    assert pool_of(after) == {"dtr1"}
    assert after.left_over == []
    gone = tuple(before.replicas - after.replicas)
    assert not [name for _, name in after.volumes if name.endswith(gone)]
    plan = planned("remove", "--replicas", "1", cluster=replicated.cluster.file)
    assert plan == [("keep", "dtr1"), ("keep", "lb1")]


def test_a_restore_is_refused_while_a_database_can_be_read_and_the_remedy_is_named(replicated):
    stop_database(replicated.cluster)
    before = look(replicated.cluster)
    for runbook_of_replicas in ("repair", "remove"):
        arguments = ("--replicas", "1") if runbook_of_replicas == "remove" else ()
        ended = runbook(runbook_of_replicas, *arguments, cluster=replicated.cluster.file)
        assert_failed(
            ended, RefusedError, runbook_of_replicas, "no majority is healthy", "runbook restore --plan"
        )
    ended = runbook("restore", "--approve", "a test", cluster=replicated.cluster.file)
    what = "it is not needed: the majority is dead, and a database can be read"
    assert_failed(ended, RefusedError, "restore", what, "run the vendor's `emergency-repair`")
    assert look(replicated.cluster) == before


def planned(*arguments: str, cluster: Path) -> list[tuple[str, str]]:
    """Return what a runbook would do, and where."""
    ended = runbook(*arguments, "--plan", "--json", cluster=cluster)
    assert ended.status == 0, ended.stderr
    return [(step["action"], step["where"]) for step in json.loads(ended.stdout)["steps"]]


def pool_of(world: World) -> set[str]:
    """Return the servers that the load balancer passes HTTPS to."""
    return {line.split()[1] for line in world.balancer.splitlines() if " check-ssl" in line}


def stop_database(cluster: LabCluster) -> None:
    """Leave the only replica with its data and without its database."""
    connection = cluster.connect()
    try:
        (replica,) = connection.observe().replicas
        done = connection.ssh(replica.node).run(["docker", "stop", f"dtr-rethinkdb-{replica.replica_id}"])
        assert done.status == 0, done.stderr
    finally:
        connection.close()
