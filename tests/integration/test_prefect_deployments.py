"""The Prefect server that the lock installs: it starts, schedules the nightly backup, and runs it by itself."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.types._datetime import now

from deployments.automations import NAME, SILENCE, zombie_automation
from lab import commands, prefect_services
from lab.paths import ROOT
from lab.schedules import resume_forgotten, schedules_paused
from lab.waiting import wait_until
from runbook.domain.errors import InvalidConfigError
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.integration
RUNBOOKS = {
    "check/on-demand",
    "install/on-demand",
    "scale-out/on-demand",
    "upgrade/on-demand",
    "remove/on-demand",
    "repair/on-demand",
    "replace/on-demand",
    "backup/nightly",
    "copy/nightly",
    "restore/disaster-recovery",
    "verify/weekly",
    "prune/on-demand",
    "release-hold/watch",
}


@pytest.fixture
def client(lab_cluster: LabCluster) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(api=prefect_services.api_url()) as client:
        yield client


@pytest.fixture
def nightly(client: SyncPrefectClient) -> DeploymentResponse:
    return client.read_deployment_by_name("backup/nightly")


def runs_of(
    client: SyncPrefectClient, deployment: DeploymentResponse, after: object | None = None
) -> list[FlowRun]:
    expected = FlowRunFilterExpectedStartTime(after_=after) if after else None
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(expected_start_time=expected),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
    )


def wait(why_not: Callable[[], str | None], where: str, seconds: float) -> None:
    wait_until(why_not, where, "look at the server's log", seconds=seconds)


def deploy(lab_cluster: LabCluster) -> str:
    """Apply prefect.yaml once more, as an operator does."""
    command = [sys.executable, "-m", "deployments"]
    environment = lab_cluster.prefect_environment()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_server_of_the_locked_versions_starts_and_serves_its_ui(lab_cluster: LabCluster) -> None:
    ready = httpx.get(f"{prefect_services.api_url()}/ready", trust_env=False)
    page = httpx.get(prefect_services.ui_url(), trust_env=False, follow_redirects=True)
    assert (ready.status_code, page.status_code) == (200, 200)
    assert "<title>Prefect Server</title>" in page.text


def test_every_runbook_is_deployed_to_the_process_pool(client: SyncPrefectClient) -> None:
    flows = {flow.id: flow.name for flow in client.read_flows()}
    found = {f"{flows[d.flow_id]}/{d.name}": d for d in client.read_deployments()}
    assert found.keys() >= RUNBOOKS
    assert {found[name].work_pool_name for name in RUNBOOKS} == {"runbook-pool"}
    assert client.read_work_pool("runbook-pool").type == "process"


def test_what_runs_by_itself_has_a_time_zone_and_nothing_else_does(client: SyncPrefectClient) -> None:
    found = {name: [s.schedule for s in client.read_deployment_by_name(name).schedules] for name in RUNBOOKS}
    seen = {
        name: (schedule.cron, schedule.timezone)
        for name, schedules in found.items()
        for schedule in schedules
    }
    assert seen == {
        "backup/nightly": ("30 1 * * *", "Europe/Berlin"),
        "copy/nightly": ("30 4 * * *", "Europe/Berlin"),
        "verify/weekly": ("0 4 * * 0", "Europe/Berlin"),
        "release-hold/watch": ("*/15 * * * *", "Etc/UTC"),
    }


def test_the_nightly_schedule_yields_scheduled_runs_at_the_right_time(
    client: SyncPrefectClient, nightly: DeploymentResponse
) -> None:
    def why_not() -> str | None:
        return None if runs_of(client, nightly, after=now("UTC")) else "no run is scheduled"

    wait(why_not, "backup/nightly", 90)
    berlin = [
        run.expected_start_time.astimezone(ZoneInfo("Europe/Berlin"))
        for run in runs_of(client, nightly, after=now("UTC"))
        if run.auto_scheduled and run.expected_start_time
    ]
    assert berlin
    assert {(at.hour, at.minute) for at in berlin} == {(1, 30)}


def test_a_scheduled_run_starts_by_itself(client: SyncPrefectClient, no_registry: LabCluster) -> None:
    nightly = client.read_deployment_by_name("backup/nightly")
    before = {run.id for run in runs_of(client, nightly)}
    often = IntervalSchedule(interval=timedelta(seconds=20))  # the scheduler itself looks once a minute
    (added,) = client.create_deployment_schedules(nightly.id, [(often, True)])
    try:
        started: list[FlowRun] = []

        def why_not() -> str | None:
            runs = [r for r in runs_of(client, nightly) if r.id not in before and r.start_time]
            started[:] = [r for r in runs if r.state and r.state.is_failed()]  # others may be skipped
            return None if started else f"{len(runs)} runs have started, none has ended"

        wait(why_not, "backup/nightly", 180)
    finally:
        client.delete_deployment_schedule(nightly.id, added.id)
    run = min(started, key=lambda run: str(run.start_time))
    assert run.auto_scheduled
    assert run.state
    assert "no quorum, no backup: no replica\nNext: heal the cluster first" in (run.state.message or "")


def test_a_schedule_that_an_operator_paused_stays_paused_when_the_file_is_applied_again(
    client: SyncPrefectClient, nightly: DeploymentResponse, lab_cluster: LabCluster
) -> None:
    (schedule,) = nightly.schedules
    client.update_deployment_schedule(nightly.id, schedule.id, active=False)
    try:
        deploy(lab_cluster)
        (kept,) = client.read_deployment_by_name("backup/nightly").schedules
        assert (kept.id, kept.active) == (schedule.id, False)
    finally:
        client.update_deployment_schedule(nightly.id, schedule.id, active=True)


def test_a_block_that_somebody_made_invalid_is_refused_with_its_path(
    client: SyncPrefectClient, lab_cluster: LabCluster
) -> None:
    lab = client.read_block_document_by_name("lab", "registry-cluster")
    data = json.loads(json.dumps(lab.data))
    data["settings"]["nodes"][1]["host_key"] = "ssh-ed25519 nonsense"
    ids = {"block_type_id": str(lab.block_type_id), "block_schema_id": str(lab.block_schema_id)}
    body = {"name": "broken", "data": data, **ids}
    made = client.request("POST", "/block_documents/", json=body).raise_for_status().json()
    try:
        command = [sys.executable, "-m", "flows", "check", "--cluster", "broken"]
        environment = lab_cluster.prefect_environment()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    finally:
        client.request("DELETE", "/block_documents/{id}", path_params={"id": made["id"]})
    assert done.returncode == InvalidConfigError.exit_status, done.stderr
    assert "block broken: cannot be loaded: settings.nodes[1].host_key: " in done.stderr
    assert "Next: write it with `runbook blocks push FILE`" in done.stderr


def test_a_schedule_rests_while_a_story_is_told_and_is_on_again_afterwards(
    client: SyncPrefectClient, nightly: DeploymentResponse
) -> None:
    with schedules_paused(prefect_services.api_url()):
        (resting,) = client.read_deployment_by_name("backup/nightly").schedules
        assert not resting.active
        assert not [run for run in runs_of(client, nightly, after=now("UTC")) if run.auto_scheduled]
    (again,) = client.read_deployment_by_name("backup/nightly").schedules
    assert (again.id, again.active) == (resting.id, True)


def test_a_schedule_whose_pause_was_killed_is_resumed_by_lab_up_and_one_that_lives_is_not(
    client: SyncPrefectClient, tmp_path: Path
) -> None:
    url = prefect_services.api_url()
    program = f"""
import os, signal, sys
from pathlib import Path
from lab.schedules import schedules_paused
with schedules_paused({url!r}, Path({str(tmp_path)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not active(client)
    resume_forgotten(url, tmp_path)
    assert active(client)
    with schedules_paused(url, tmp_path):
        resume_forgotten(url, tmp_path)
        assert not active(client)
    assert list(tmp_path.glob("*.json")) == []


def active(client: SyncPrefectClient) -> bool:
    (schedule,) = client.read_deployment_by_name("backup/nightly").schedules
    return bool(schedule.active)


def test_what_the_server_has_and_the_file_has_not_is_named(
    client: SyncPrefectClient, nightly: DeploymentResponse, lab_cluster: LabCluster
) -> None:
    leftover = client.create_deployment(nightly.flow_id, "renamed-long-ago")
    try:
        assert "backup/renamed-long-ago: is on the server and not in the file" in deploy(lab_cluster)
    finally:
        client.delete_deployment(leftover)


def test_runs_whose_process_died_are_marked_by_exactly_one_automation_as_the_code_has_it(
    client: SyncPrefectClient, lab_cluster: LabCluster
) -> None:
    (first,) = client.read_automations_by_name(NAME)
    old = zombie_automation()
    old.description = "as an older version made it"
    client.update_automation(first.id, old)
    client.create_automation(old)
    deploy(lab_cluster)
    (automation,) = client.read_automations_by_name(NAME)
    assert (automation.enabled, automation.description) == (True, zombie_automation().description)


def test_a_run_whose_worker_was_killed_does_not_stay_running(
    client: SyncPrefectClient, lab_cluster: LabCluster
) -> None:
    commands.break_fault("node-paused", "dtr2")  # the check waits for it long enough to be killed
    try:
        check = client.read_deployment_by_name("check/on-demand")
        run = client.create_flow_run_from_deployment(check.id)
        wait(lambda: _why_not_in(client, run, "Running"), run.name, 60)
        wait(lambda: _why_no_heartbeat(client, run), run.name, 60)
        prefect_services.kill_worker()
    finally:
        commands.heal_fault("node-paused", "dtr2")
        prefect_services.ensure_services()
    wait(lambda: _why_not_in(client, run, "Crashed"), run.name, 2 * SILENCE.total_seconds() + 60)
    ended = client.read_flow_run(run.id).state
    assert ended
    assert "start the same deployment again" in (ended.message or "")


def _why_not_in(client: SyncPrefectClient, run: FlowRun, wanted: str) -> str | None:
    state = client.read_flow_run(run.id).state
    return None if state and state.name == wanted else f"it is {state.name if state else 'nowhere'}"


def _why_no_heartbeat(client: SyncPrefectClient, run: FlowRun) -> str | None:
    wanted = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}}
    events = client.request("POST", "/events/filter", json=wanted).json()["events"]
    ids = {event["resource"]["prefect.resource.id"] for event in events}
    return None if f"prefect.flow-run.{run.id}" in ids else "it has sent no heartbeat"


def test_the_block_on_the_server_holds_no_secret(lab_cluster: LabCluster) -> None:
    answer = httpx.post(
        f"{prefect_services.api_url()}/block_documents/filter",
        json={"include_secrets": True},
        trust_env=False,
    )
    (document,) = [d for d in answer.json() if d["block_type"]["slug"] == "registry-cluster"]
    assert document["data"]["settings"]["control_plane"]["password"].startswith("file:")
    assert lab_cluster.admin_password not in answer.text
