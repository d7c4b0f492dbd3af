"""How every task behaves: never cached, retried only for what may heal by itself."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.tasks import exponential_backoff

from runbook.domain.errors import UnreachableError

P = ParamSpec("P")
R = TypeVar("R")


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether the task failed for something that may heal by itself."""
    return isinstance(state.result(raise_on_failure=False), UnreachableError)


def step(name: str, *, retries: int = 2) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task whose run is called `name` in the UI; it may use the parameters in braces.

    A function that was done before is done again: it observes first, so a second run keeps what is there.
    What may go on elsewhere after its connection broke (the bootstrapper's second phase) has no `retries`.
    """
    return task(
        task_run_name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=retries,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=worth_retrying,
    )
