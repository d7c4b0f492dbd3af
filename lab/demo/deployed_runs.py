"""Runs of deployments on the lab's Prefect server, watched from outside."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType

from lab.progress import say
from runbook.domain.errors import NotReadyError, RefusedError

POLL = 0.5
ENDS_WITHIN = 900.0


@dataclass(frozen=True)
class DeployedRun:
    """A run that has ended."""

    deployment: str
    flow_run_id: str
    state: str
    message: str
    seconds: float


class Watcher:
    """Starts deployments and tells what their runs do."""

    def __init__(self, api_url: str) -> None:
        self._client = SyncPrefectClient(api=api_url)

    def __enter__(self) -> Self:
        """Connect; the connections are closed when the block is left."""
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.__exit__(kind, error, trace)

    def run(
        self,
        deployment: str,
        parameters: dict[str, Any] | None = None,
        when_suspended: Callable[[UUID], None] | None = None,
    ) -> DeployedRun:
        """Return the run once it has ended, having printed each of its steps as it began.

        `when_suspended` is called once when the run waits for a person.
        """
        found = self._client.read_deployment_by_name(deployment)
        begun = time.monotonic()
        run = self._client.create_flow_run_from_deployment(found.id, parameters=parameters or {})
        told: set[UUID] = set()
        asked = False
        while time.monotonic() - begun < ENDS_WITHIN:
            seen = self._client.read_flow_run(run.id)
            self._tell_steps(run.id, told)
            if seen.state and seen.state.is_final():
                return _ended(deployment, seen, seen.state, time.monotonic() - begun)
            if _suspended(seen) and when_suspended and not asked:
                asked = True
                when_suspended(run.id)
            begun += POLL if _suspended(seen) else 0  # a person's time is not the run's
            time.sleep(POLL)  # the server tells nothing by itself
        raise NotReadyError(
            deployment, f"run {run.name} did not end within {ENDS_WITHIN:.0f} s", "look at it in the UI"
        )

    def approve(self, run_id: UUID, answer: dict[str, str]) -> None:
        """Resume a suspended run with a filled form; RefusedError carries the server's reason."""
        result = self._client.resume_flow_run(run_id, run_input=answer)
        if result.status.value != "ACCEPT":
            reason = getattr(result.details, "reason", result.status.value)
            raise RefusedError("approval", f"the server rejected it: {reason}", "fill the form again")

    def _tell_steps(self, run_id: UUID, told: set[UUID]) -> None:
        tasks = self._client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
        begun = [task for task in tasks if task.start_time and task.id not in told]
        for task in sorted(begun, key=lambda task: str(task.start_time)):
            told.add(task.id)
            say(f"    {task.name}")


def _suspended(run: FlowRun) -> bool:
    return run.state is not None and run.state.type == StateType.PAUSED


def _ended(deployment: str, run: FlowRun, state: State[Any], seconds: float) -> DeployedRun:
    return DeployedRun(deployment, str(run.id), state.name or state.type.value, state.message or "", seconds)
