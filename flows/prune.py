"""prune: remove what retention does not keep, when a person asks for it."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.retention import NOT_CONFIRMED, prune_vault, steps_of
from flows.run import Run
from runbook.domain.errors import RefusedError
from runbook.domain.plans import Plan
from runbook.domain.report import Report
from runbook.domain.retention import RetentionPlan
from tasks.retention import choose_expired, read_needed

Most = Annotated[int, Field(ge=1)]


@flow(name="prune", flow_run_name="prune {cluster}")
def prune(
    cluster: str, plan_only: bool = False, confirm: bool = False, most_at_once: Most | None = None
) -> Report:
    """Leave the vault without the points that no rule keeps and the image data that nothing needs any more.

    Removes only what is confirmed, by `confirm` or by the cluster file; else, and with `plan_only`, it shows
    what would go with every reason and touches nothing. `most_at_once` lets more points go in this one run
    than the cluster file does.
    """
    with Run("prune", cluster) as run:
        confirmed = confirm or run.cluster.settings.vault.retention.confirmed
        if plan_only or not confirmed:
            run.report.plan = _plan(run, most_at_once)
            run.report.notes += [] if confirmed else [NOT_CONFIRMED]
            return run.report.planned()
        with run.lock() as lock:
            prune_vault(run, lock, most_at_once)
    return run.report


def _plan(run: Run, most_at_once: int | None) -> Plan:
    """Return the plan, and note what would keep it from being carried out."""
    chosen = run.step(choose_expired, most_at_once)
    planned: RetentionPlan = chosen.result()
    where = run.cluster.vault.where
    try:
        planned.require_allowed(where)
        run.step(read_needed, planned, after=[chosen])
    except RefusedError as error:
        run.report.notes.append(f"{error.where}: {error.what}. Next: {error.next_step}")
    return Plan("prune", run.cluster.name, steps_of(planned, where))
