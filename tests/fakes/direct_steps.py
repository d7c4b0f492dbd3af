"""A runbook's steps as plain calls, one after another: the world changes as it does, and no Prefect server is asked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from prefect import Task
from prefect.logging import disable_run_logger

from flows import run as run_module
from flows.run import Run


@dataclass
class Done:
    """A step that has ended."""

    value: Any

    def result(self) -> Any:
        return self.value


def _together(
    run: Run, task: Task[..., Any], calls: Iterable[tuple[Any, ...]], after: object = ()
) -> list[Done]:
    given = [[a.result() if isinstance(a, Done) else a for a in call] for call in calls]
    return [Done(task.fn(run.cluster, *arguments)) for arguments in given]


@contextmanager
def direct_steps() -> Iterator[list[str]]:
    """Yield the reports that runs leave inside the block."""
    reports: list[str] = []
    with pytest.MonkeyPatch.context() as patched, disable_run_logger():
        patched.setattr(Run, "together", _together)
        patched.setattr(run_module, "publish_report", lambda _flow, _cluster, text, **_: reports.append(text))
        yield reports
