"""A run whose steps are done at once, without Prefect, on a cluster that holds state."""

from dataclasses import dataclass, field
from typing import Any

from prefect import Task

from runbook.domain.report import Report
from tests.fakes.cluster_connection import FakeCluster


@dataclass(frozen=True)
class Done:
    """A step that has ended, or a value that one has given."""

    value: Any

    def result(self) -> Any:
        return self.value


@dataclass
class DirectRun:
    """Each step is its function, called with the cluster."""

    cluster: FakeCluster
    report: Report = field(default_factory=lambda: Report("backup", "lab", "a run"))

    def step(self, task: Task[..., Any], *args: Any, after: Any = ()) -> Done:
        given = [each.result() if isinstance(each, Done) else each for each in args]
        return Done(task.fn(self.cluster, *given))
