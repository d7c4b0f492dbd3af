"""prune: remove what retention does not keep, when a person asks for it."""

from prefect import flow

from flows.run import Run
from runbook.domain.errors import RefusedError
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report
from runbook.domain.retention import RetentionPlan
from tasks.retention import choose_expired, remove_expired


@flow(name="prune", flow_run_name="prune {cluster}")
def prune(cluster: str, plan_only: bool = True, most_at_once: int | None = None) -> Report:
    """Leave the vault without the points that no rule keeps and the image data that only they needed.

    `plan_only` shows what would go, with every reason, and touches nothing. `most_at_once` allows more points
    to go in this one run than the cluster file does.
    """
    with Run("prune", cluster) as run:
        if plan_only:
            run.report.plan = _plan(run, run.step(choose_expired, most_at_once).result())
            return run.report.planned()
        with run.lock() as lock:
            chosen = run.step(choose_expired, most_at_once)
            planned = chosen.result()
            if planned.refusal:
                raise RefusedError(run.cluster.vault.where, planned.refusal, "see `runbook points list`")
            run.report.notes.append(planned.sentence())
            run.report.did += run.step(remove_expired, planned.removed, lock, after=[chosen]).result()
    return run.report


def _plan(run: Run, planned: RetentionPlan) -> Plan:
    if planned.refusal:
        run.report.notes.append(f"nothing may be removed now: {planned.refusal}")
    steps = (
        Step(Action.KEEP if v.keep else Action.REMOVE, v.id, "recovery point", "; ".join(v.reasons))
        for v in planned.verdicts
    )
    return Plan("prune", run.cluster.name, tuple(steps))
