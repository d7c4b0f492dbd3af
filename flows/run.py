"""What every runbook shares: one cluster, steps in order, one lock, one report."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import signature
from types import TracebackType
from typing import Any, Self, TypeVar

from prefect import Task, allow_failure
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run

from blocks.cluster import in_version, load_cluster
from blocks.connection import ClusterConnection
from flows.logs import leave_out_tracebacks
from runbook.domain.report import Phase, Report
from runbook.remote.locks import HeldLock
from tasks.locks import cluster_lock
from tasks.reports import publish_report

logging.getLogger("runbook").setLevel(logging.INFO)  # else Prefect passes on warnings alone
logger = logging.getLogger(f"runbook.{__name__}")
R = TypeVar("R")
After = Iterable[PrefectFuture[Any]]


class Run:
    """Runs the steps of one runbook on one cluster; its report is published once, whatever its end is."""

    def __init__(self, flow: str, cluster: str, version: str | None = None) -> None:
        leave_out_tracebacks()
        self.cluster = ClusterConnection(in_version(load_cluster(cluster).settings, version))
        self.report = Report(flow, self.cluster.name, flow_run.get_name() or flow)
        self.began = _began()
        self._begun = time.monotonic()
        self._lock: HeldLock | None = None
        self._last: Sequence[PrefectFuture[Any]] = ()

    def step(self, task: Task[..., R], *args: Any, after: After = ()) -> PrefectFuture[R]:
        """Run one step to its end; the UI draws an edge from each of `after` and from futures in `args`.

        Raises what the step raised, so that the flow's state message is the step's own words.
        """
        return self.together(task, [args], after=after)[0]

    def together(
        self, task: Task[..., R], calls: Iterable[tuple[Any, ...]], after: After = ()
    ) -> list[PrefectFuture[R]]:
        """Run the same step for several things at once, and wait for all of them."""
        if self._lock:
            self._lock.require()
        begun = time.monotonic()
        listed = list(calls)
        futures = [task.submit(self.cluster, *args, wait_for=list(after)) for args in listed]
        self._last = futures
        try:
            for future in futures:
                future.wait()
            for future in futures:
                future.result()
        finally:
            self.report.phases.append(Phase(self._title(task, listed), time.monotonic() - begun))
        return futures

    def _title(self, task: Task[..., Any], calls: Sequence[tuple[Any, ...]]) -> str:
        """Return the step's name as the UI shows it, for the one call or for all of them."""
        template = str(task.task_run_name or task.name)
        if len(calls) != 1 or "{" not in template:
            return template.partition("{")[0].strip() or task.name
        given = [a.result() if isinstance(a, PrefectFuture) else a for a in calls[0]]
        return template.format(**signature(task.fn).bind(self.cluster, *given).arguments)

    @contextmanager
    def lock(self) -> Iterator[HeldLock]:
        """Hold the cluster inside the block, so that no other runbook changes it; no step begins without it."""
        with cluster_lock(self.cluster, self.report.flow) as held:
            self._lock = held
            yield held
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish the report, with the error if there is one, and close every connection.

        A run that waits for approval shows its report in the form; it is published when the run ends.
        """
        if error is None and self.report.state == "running":
            self.report.state = "completed"
        self.report.note_overhead(time.monotonic() - self._begun, self.cluster.bootstrapper_seconds)
        waits = isinstance(error, Pause)
        if error is not None and not waits:
            self.report.failure = str(error) or type(error).__name__
        try:
            if not waits:
                self._publish(in_flight=error)
        finally:
            self.cluster.close()

    def _publish(self, in_flight: BaseException | None) -> None:
        """Publish the report; what goes wrong with it never hides what went wrong before.

        It goes as text: with objects that steps returned, the UI would draw an edge from each of those steps.
        """
        last = [allow_failure(future) for future in self._last if future.state.is_final()]
        try:
            publish_report(self.report.flow, self.report.cluster, self.report.to_markdown(), wait_for=last)
        except Exception:
            if in_flight is None:
                raise
            logger.exception("the report was not published")


def _began() -> datetime:
    """Return when this run first began, waiting for approval included."""
    context = FlowRunContext.get()
    began = context.flow_run.start_time if context and context.flow_run else None
    return began or datetime.now(UTC)
