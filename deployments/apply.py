"""Bring the Prefect server to what prefect.yaml says."""

import subprocess
import sys
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from deployments.automations import ensure_automations
from deployments.check import leftovers, problems, read_deployments
from runbook.domain.errors import InvalidConfigError

ROOT = Path(__file__).resolve().parent.parent
POOL = "runbook-pool"


def apply(prefect_file: Path = ROOT / "prefect.yaml") -> list[str]:
    """Leave the server with work pool, deployments, schedules and automations; return what it has besides.

    Raises InvalidConfigError for a prefect.yaml that `prefect deploy` would half apply.
    """
    deployments = read_deployments(prefect_file)
    if found := problems(deployments):
        raise InvalidConfigError(str(prefect_file), "; ".join(found), "correct the file, then deploy again")
    _ensure_pool()
    _deploy(prefect_file)
    ensure_automations()
    return leftovers(deployments, _on_server())


def _ensure_pool() -> None:
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        except ObjectAlreadyExists:
            return


def _deploy(prefect_file: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        str(prefect_file),
    ]
    done = subprocess.run(command, cwd=prefect_file.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise InvalidConfigError(
            str(prefect_file), f"prefect deploy ended with {done.returncode}: {last}", "see above"
        )


def _on_server() -> dict[str, list[str]]:
    with get_client(sync_client=True) as client:
        deployments = client.read_deployments()
        flows = {flow.id: flow.name for flow in client.read_flows()}
    return {
        f"{flows[d.flow_id]}/{d.name}": [s.slug for s in d.schedules if s.slug is not None]
        for d in deployments
    }
