"""Three replicas: how they were made while a second runbook was started, and that restore stays the last resort."""

import pytest

from lab import commands
from runbook.domain.errors import LockedError, RefusedError
from tests.e2e.conftest import wait_until_healthy
from tests.e2e.runs import assert_failed, runbook
from tests.e2e.world import assert_nothing_lost, look

pytestmark = pytest.mark.e2e


def test_a_second_runbook_is_refused_while_one_runs_and_is_told_which(replicated):
    what = rf"scale-out holds the cluster since .* UTC \(run {replicated.first.flow_run_id} on "
    assert_failed(replicated.second, LockedError, "lab", what, "wait for it; if it died, its lease ends at")
    after = look(replicated.cluster)
    assert (len(after.replicas), len(after.points)) == (3, 1)
    assert after.left_over == []


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
    assert_failed(ended, RefusedError, "restore", what, "remove the dead replica with the vendor's `remove`")
    assert look(replicated.cluster) == before


def test_a_scale_out_beside_a_dead_replica_is_refused(replicated):
    before = look(replicated.cluster)
    assert len(before.replicas) == 2  # as the test before left it
    ended = runbook("scale-out", cluster=replicated.cluster.file)
    what = "the cluster is not healthy: .* a member, and found on no node"
    assert_failed(ended, RefusedError, "scale-out", what, "remove the dead replica first")
    assert look(replicated.cluster) == before


def test_a_restore_is_refused_while_a_database_can_be_read_and_the_remedy_is_named(replicated):
    commands.break_fault("replicas-destroyed", "dtr2")
    before = look(replicated.cluster)
    assert len(before.replicas) == 1
    ended = runbook("restore", "--approve", "a test", cluster=replicated.cluster.file)
    what = "it is not needed: the majority is dead, and a database can be read"
    assert_failed(ended, RefusedError, "restore", what, "run the vendor's `emergency-repair`")
    assert look(replicated.cluster) == before
