"""A run that does the steps of a runbook one after another in this thread, without a Prefect server."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flows.recovery_point import take_recovery_point
from runbook.domain.recovery import Manifest
from runbook.domain.report import Report
from runbook.remote.locks import HeldLock
from tasks.locks import cluster_lock
from tests.fakes.cluster_connection import FakeCluster

Between = Callable[[str], None]


@dataclass(frozen=True)
class Done:
    """A step that has ended well."""

    value: Any

    def result(self) -> Any:
        return self.value


class StepRun:
    """What `flows.run.Run` is to a runbook; `before` and `after` see the name of each step."""

    def __init__(self, cluster: FakeCluster, lock: HeldLock, before: Between, after: Between) -> None:
        self.cluster, self._lock, self._before, self._after = cluster, lock, before, after
        self.report = Report("backup", cluster.name, "a run")

    def step(self, task: Any, *args: Any, after: Iterable[Done] = ()) -> Done:
        self._lock.require()
        self._before(task.name)
        done = Done(task.fn(self.cluster, *(_value(arg) for arg in args)))
        self._after(task.name)
        return done


def _value(arg: Any) -> Any:
    if isinstance(arg, tuple):
        return tuple(_value(part) for part in arg)
    return arg.result() if isinstance(arg, Done) else arg


def back_up(
    cluster: FakeCluster, before: Between = lambda _: None, after: Between = lambda _: None
) -> Manifest:
    """Take a recovery point as the flow does, under the cluster's lock."""
    with cluster_lock(cluster, "backup") as lock:  # type: ignore[arg-type]
        (published,) = take_recovery_point(StepRun(cluster, lock, before, after))  # type: ignore[arg-type]
    manifest: Manifest = published.result()
    return manifest
