"""What remove, repair and replace share: decide, show, carry out."""

from typing import Any

from prefect import Task

from flows.growth import carry_out, plan_changes
from flows.run import After, Run
from runbook.domain.changes import Changes
from runbook.domain.plans import Plan
from runbook.domain.report import Report


def change(
    run: Run, choose: Task[..., Changes], *args: Any, checked: After = (), plan_only: bool = False
) -> Report:
    """Leave done what `choose` decides, or with `plan_only` in the report as a plan."""
    if plan_only:
        planned = run.step(choose, *args, after=checked)
        steps = plan_changes(run, planned.result(), after=[planned])
        run.report.plan = Plan(run.report.flow, run.cluster.name, steps)
        return run.report.planned()
    with run.lock():
        planned = run.step(choose, *args, after=checked)
        changes = planned.result()
        carry_out(run, changes, len(changes.keep) + len(changes.joins), after=[planned])
    return run.report
