"""Runs of runbooks as an operator starts them: by the command line, or by a deployment of the lab's server."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lab import prefect_services
from lab.demo.deployed_runs import DeployedRun, Watcher
from lab.paths import ROOT
from runbook.domain.errors import RunbookError
from tests.e2e.secrets_of_the_lab import assert_no_secret_in

ENDS_WITHIN = 400
_ANSWERS_WITHIN = 180  # on a machine on which two labs work
_RUN = re.compile(r" - View at http\S+/runs/flow-run/(?P<id>[0-9a-f-]{36})$", re.MULTILINE)
_STEP = re.compile(r"\| INFO +\| .* - (?P<where>\S+): keep (?P<what>.*) \((?P<reason>.+)\)$")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str
    state: Mapping[str, Any]  # of its last flow run, at the lab's Prefect server; empty if it had none

    @property
    def words(self) -> str:
        """The error as the operator reads it: `where: what`, and on the next line `Next: …`."""
        lines = self.stderr.splitlines()
        last = max(number for number, line in enumerate(lines) if line.startswith("Next: "))
        return f"{lines[last - 1]}\n{lines[last]}"

    @property
    def kept(self) -> dict[str, str]:
        """What its steps kept, and why."""
        found = (_STEP.search(line) for line in self.stderr.splitlines())
        return {f"{match['where']}: {match['what']}": match["reason"] for match in found if match}


def start(*arguments: str, module: str = "flows") -> subprocess.Popen[str]:
    """Start `runbook`; its run is seen by the lab's Prefect server."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=prefect_services.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    """Return what a started command did; it never shows a secret."""
    try:
        stdout, stderr = process.communicate(timeout=ENDS_WITHIN)
    finally:
        process.kill()
    assert_no_secret_in(stdout, stderr)
    return Ended(process.returncode, stdout, stderr, _state_of_its_run(stderr))


def runbook(*arguments: str, cluster: Path) -> Ended:
    """Run `runbook` to its end."""
    return end(start(*arguments, "--cluster", str(cluster)))


def deployed(deployment: str, cluster: Path | str = "lab", **parameters: object) -> DeployedRun:
    """Run a deployment to its end; `cluster` is a block or a file."""
    with Watcher(prefect_services.api_url()) as watcher:
        return watcher.run(deployment, {"cluster": str(cluster), **parameters})


def assert_failed(ended: Ended, kind: type[RunbookError], where: str, what: str, next_step: str) -> None:
    """Check status, words and, at the Prefect server, the state of a run that must have failed.

    `what` and `next_step` are patterns.
    """
    assert ended.status == kind.exit_status, ended.stderr
    pattern = rf"{re.escape(where)}: .*{what}.*\nNext: .*{next_step}"
    assert re.match(pattern, ended.words), ended.words
    assert ended.state, f"no flow run began: {ended.stderr}"
    assert (ended.state["type"], ended.state["name"]) == ("FAILED", "Failed")
    assert ended.state["message"].endswith(f": {ended.words}"), ended.state["message"]


def assert_run_failed(run: DeployedRun, where: str, what: str, next_step: str) -> None:
    """Check the state of a deployment's run that must have failed."""
    assert run.state == "Failed", run
    assert re.search(rf": {re.escape(where)}: .*{what}.*\nNext: .*{next_step}", run.message), run.message


def _state_of_its_run(stderr: str) -> dict[str, Any]:
    """Return the state of the last flow run whose address a command printed; nothing if it printed none."""
    printed = [match["id"] for match in _RUN.finditer(stderr)]
    if not printed:
        return {}
    (run,) = query("flow_runs/filter", {"flow_runs": {"id": {"any_": [printed[-1]]}}})
    state: dict[str, Any] = run["state"]
    return state


def reports_of(run: DeployedRun) -> list[str]:
    """Return the reports that a run left; Prefect itself leaves one of a state's result beside them."""
    left_by = {"flow_run_id": {"any_": [run.flow_run_id]}, "type": {"any_": ["markdown"]}}
    return [artifact["data"] for artifact in query("artifacts/filter", {"artifacts": left_by})]


def query(path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the lab's Prefect server answers to a filter."""
    answer = httpx.post(
        f"{prefect_services.api_url()}/{path}", json=body, timeout=_ANSWERS_WITHIN, trust_env=False
    )
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found
