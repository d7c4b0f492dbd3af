"""The lab's Prefect server and worker as processes of their own."""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

from lab import prefect_services, processes
from lab.paths import RUN
from lab.state import read_state
from tests.lab_cluster import bring_up

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def lab():
    bring_up()
    yield
    prefect_services.ensure_services()


def started() -> dict[str, processes.Process]:
    files = {name: RUN / f"prefect-{name}.json" for name in ("server", "worker")}
    return {name: process for name, file in files.items() if (process := processes.running(file))}


def test_both_run_in_sessions_of_their_own_and_take_interrupts():
    services = started()
    assert set(services) == {"server", "worker"}
    for process in services.values():
        assert os.getsid(process.pid) == process.pid
        ignored = [
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "SigIgn" in line
        ]
        assert not int(ignored[0].split()[1], 16) >> (signal.SIGINT - 1) & 1


def test_starting_again_keeps_what_runs():
    before = started()
    prefect_services.ensure_services()
    assert started() == before


def test_the_ui_is_told_the_servers_own_address():
    settings = httpx.get(f"{prefect_services.ui_url()}/ui-settings", trust_env=False).json()
    assert settings["api_url"] == prefect_services.api_url()


def test_a_killed_worker_is_started_again():
    before = started()
    os.kill(before["worker"].pid, signal.SIGKILL)
    prefect_services.ensure_services()
    after = started()
    assert after["server"] == before["server"]
    assert after["worker"] != before["worker"]
    assert prefect_services.why_worker_not_ready() is None


def test_stopping_leaves_no_process_and_starting_finds_the_same_address_and_blocks():
    leaders, port = {process.pid for process in started().values()}, read_state().prefect_port
    name = f"kept-{os.getpid()}"
    document = {"name": "kept", "data": {"value": "here"}}
    created = post("/block_types/", {"name": name, "slug": name})
    schema = post("/block_schemas/", {"fields": {"properties": {}}, "block_type_id": created["id"]})
    kept = post(
        "/block_documents/", document | {"block_type_id": created["id"], "block_schema_id": schema["id"]}
    )
    prefect_services.stop_services()
    assert started() == {}
    assert [processes.group_members(leader) for leader in leaders] == [[], []]
    prefect_services.ensure_services()
    assert read_state().prefect_port == port
    found = httpx.get(f"{prefect_services.api_url()}/block_documents/{kept['id']}", trust_env=False)
    assert found.json()["data"] == {"value": "here"}
    httpx.delete(
        f"{prefect_services.api_url()}/block_types/{created['id']}", trust_env=False
    ).raise_for_status()


def post(path: str, body: dict[str, object]) -> dict[str, str]:
    answer = httpx.post(f"{prefect_services.api_url()}{path}", json=body, trust_env=False).raise_for_status()
    return dict(json.loads(answer.text))
