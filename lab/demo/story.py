"""The story, step by step, and the table at its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from lab import commands, prefect_services
from lab.demo.deployed_runs import Watcher
from lab.demo.flows import COMPARED
from lab.demo.report import REPORT, Outcome, StoryStep, print_table, read_comparison, write_report
from lab.paths import CLUSTER_FILE
from lab.progress import say
from lab.schedules import schedules_paused
from runbook.domain.recovery import newest_verified
from runbook.remote.recovery_points import list_points

RUNBOOKS = (
    ("install the first replica", "install/on-demand"),
    ("scale out to three", "scale-out/on-demand"),
    ("scale out again: nothing to do", "scale-out/on-demand"),
    ("fill it: images, settings, permissions", "lab-fill/lab"),
    ("nightly backup", "backup/nightly"),
    ("push once more, after the backup", "lab-push-late/lab"),
    ("disaster: replicas and bucket lost", "lab-disaster/lab"),
    ("restore", "restore/disaster-recovery"),
    ("pull everything by digest and compare", "lab-compare/lab"),
)


def tell(*, wait_for_person: bool) -> bool:
    """Tell the story in a lab without a registry; return whether all of it holds."""
    began = time.monotonic()
    for earlier in (COMPARED, REPORT):
        earlier.unlink(missing_ok=True)
    commands.up()
    commands.reset()
    story = _Story(wait_for_person, [StoryStep("lab up", None, time.monotonic() - began)])
    with schedules_paused(prefect_services.api_url()):  # the story starts the nightly backup by hand
        for name, deployment in RUNBOOKS:
            if not story.run(name, deployment):
                break
    outcome = story.outcome()
    write_report(outcome)
    print_table(outcome)
    return outcome.holds


@dataclass
class _Story:
    """What was done so far."""

    wait_for_person: bool
    steps: list[StoryStep] = field(default_factory=list)
    times: dict[str, datetime] = field(default_factory=dict)  # deployment -> when its run ended
    point: datetime | None = None  # when the newest recovery point was begun, as it was before the loss

    def run(self, name: str, deployment: str) -> bool:
        """Run a deployment to its end; return whether it completed."""
        say(f"[bold]{name}[/bold] ({deployment})")
        if deployment == "restore/disaster-recovery":
            self.point = _newest_point()
        with Watcher(prefect_services.api_url()) as watcher:
            ended = watcher.run(deployment, when_suspended=self._approver(watcher))
        self.times[deployment] = datetime.now(UTC)
        self.steps.append(StoryStep(name, ended, ended.seconds))
        say(f"  {ended.state} after {ended.seconds:.1f} s")
        if ended.state != "Completed":
            say(f"  {ended.message}")
        return ended.state == "Completed"

    def outcome(self) -> Outcome:
        """Return what the table and the report show."""
        lost, back = self.times.get("lab-disaster/lab"), self.times.get("restore/disaster-recovery")
        point = self.point
        return Outcome(
            steps=self.steps,
            complete=all(step.run is None or step.run.state == "Completed" for step in self.steps)
            and len(self.steps) == len(RUNBOOKS) + 1,
            compared=read_comparison(),
            rto_seconds=(back - lost).total_seconds() if lost and back else None,
            rpo_seconds=(lost - point).total_seconds() if lost and point else None,
            ui_url=prefect_services.ui_url(),
        )

    def _approver(self, watcher: Watcher) -> Callable[[UUID], None]:
        def approve(run_id: UUID) -> None:
            url = f"{prefect_services.ui_url()}/runs/flow-run/{run_id}"
            if self.wait_for_person:
                say(f"  [bold]waiting for you[/bold]: press Resume at {url} and type the cluster's name, lab")
                return
            say(f"  waits for approval at {url}; the demo approves")
            watcher.approve(run_id, {"cluster": "lab", "approver": "make demo", "reason": "rehearsal"})

        return approve


def _newest_point() -> datetime | None:
    """Return when the recovery point that will be restored was begun."""
    connection = ClusterConnection(RegistryCluster.from_file(CLUSTER_FILE).settings)
    try:
        newest = newest_verified(list_points(connection.vault, connection.name))
    finally:
        connection.close()
    return newest.created if newest else None
