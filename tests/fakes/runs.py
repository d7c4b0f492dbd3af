"""A run of a runbook without Prefect: its steps are called one after another, its report is kept."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

from flows.run import Run
from runbook.domain.report import Report
from tests.fakes.cluster_connection import FakeCluster


class Done:
    """A step that has ended."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value


class DirectRun(Run):
    """Calls each step at once; `steps` are their names, and `before` is called with each before it begins."""

    def __init__(self, flow: str, cluster: FakeCluster) -> None:
        self.cluster = cast("Any", cluster)
        self.report = Report(flow, cluster.name, "brave-otter")
        self.began = datetime.now(UTC)
        self.steps: list[str] = []
        self.before: Any = lambda _name: None
        self._lock = None

    def together(self, task: Any, calls: Iterable[tuple[Any, ...]], after: Any = ()) -> Any:
        if self._lock:
            self._lock.require()
        listed = [tuple(a.result() if isinstance(a, Done) else a for a in call) for call in calls]
        self.steps.append(self._title(task, listed))
        self.before(self.steps[-1])
        return [Done(task.fn(self.cluster, *call)) for call in listed]

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None and self.report.state == "running":
            self.report.state = "completed"
