"""Garbage collection and a backup: neither runs beside the other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.logging import disable_run_logger

from runbook.domain.recovery import METADATA
from runbook.remote.holds import hold_key
from runbook.remote.waiting import wait_until
from tasks.holds import hold_garbage_collection
from tasks.locks import cluster_lock
from tests.e2e.conftest import fault
from tests.e2e.runs import assert_run_failed, deployed, query
from tests.e2e.world import look

pytestmark = pytest.mark.e2e


def test_no_metadata_is_read_while_garbage_collection_runs(installed):
    cluster, began = installed.cluster, datetime.now(UTC)
    before = look(cluster)
    with fault("backup-truncated"), ThreadPoolExecutor(1) as pool:  # which leaves no second point
        with fault("gc-endless"):
            job = _start_collection(cluster)
            backup = pool.submit(deployed, "backup/nightly")
            wait_until(lambda: _why_not_waiting(began), where="backup", timeout=120, poll=0.5)
            during = look(cluster)
            assert _status_of(cluster, job) == "running"
            healed = datetime.now(UTC)
        run = backup.result()
    assert hold_key("lab") in during.vault
    assert not any(action in during.crons for action in ("onlinegc", "onlinegc_metadata", "onlinegc_blobs"))
    assert _metadata_in(during) == _metadata_in(before)
    assert _begun(run.flow_run_id, "stream metadata") > healed
    assert _status_of(cluster, job) == "done"
    assert_run_failed(run, "dtr1", "the archive is cut off after", "nothing was published")
    after = look(cluster)  # without images that the collection rightly deleted
    assert after.left_over == []
    assert (after.crons, after.points, after.containers) == (before.crons, before.points, before.containers)


def test_a_hold_that_a_dead_run_left_is_released_by_the_watch_and_one_of_a_run_that_lives_is_not(
    installed, monkeypatch
):
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))  # this test is the run
    before, connection = look(installed.cluster), installed.cluster.connect()
    try:
        with disable_run_logger():
            hold_garbage_collection.fn(connection)
        with cluster_lock(connection, "backup"):
            kept = deployed("release-hold/watch")
        held = look(installed.cluster)
        released = deployed("release-hold/watch")
    finally:
        connection.close()
    assert kept.state == released.state == "Completed"
    assert "which lives: its lease runs until" in kept.message
    assert hold_key("lab") in held.vault
    assert "onlinegc" not in held.crons
    assert (
        "lab: configure garbage collection as before the hold (garbage collection is held since"
        in released.message
    )
    after = look(installed.cluster)
    assert (after.crons, after.left_over) == (before.crons, [])


def _start_collection(cluster):
    """Have garbage collection run; return the job's id."""
    connection = cluster.connect()
    try:
        with connection.admin as admin:
            return admin.start_job("onlinegc").id
    finally:
        connection.close()


def _status_of(cluster, job):
    connection = cluster.connect()
    try:
        with connection.admin as admin:
            return next(seen.status for seen in admin.jobs() if seen.id == job)
    finally:
        connection.close()


def _why_not_waiting(began):
    """None once a run that began later has said for what it waits."""
    logs = query("logs/filter", {"logs": {"timestamp": {"after_": began.isoformat()}}, "limit": 200})
    waits = "lab: not yet: garbage collection runs: onlinegc"
    return None if any(log["message"] == waits for log in logs) else "nobody waits for garbage collection"


def _begun(flow_run_id, name):
    """When a step of a run began."""
    tasks = query("task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    (start,) = (task["start_time"] for task in tasks if task["name"] == name)
    return datetime.fromisoformat(start)


def _metadata_in(world):
    return {key for key in world.vault if key.endswith(METADATA)}
