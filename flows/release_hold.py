"""release-hold: garbage collection that a dead run has left held runs again; starts by itself, as nobody else may."""

from typing import cast

from prefect import State, flow
from prefect.states import Completed

from flows.run import Run
from runbook.domain.hold_lease import HoldSeen
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report
from tasks.holds import check_hold, release_stale_hold


@flow(name="release-hold", flow_run_name="release-hold {cluster}")
def release_hold(cluster: str, plan_only: bool = False) -> Report:
    """Leave no hold whose run died, and garbage collection scheduled as before it; a hold of a run that lives stays.

    With nothing to do it costs one read of the vault. The state's message says which it was; its name stays
    Completed, the word by which the server knows that the run is over.
    """
    with Run("release-hold", cluster) as run:
        looked = run.step(check_hold)
        run.report.plan = plan_for(run.cluster.name, looked.result())
        if plan_only:
            run.report.planned()
        elif run.report.plan.steps[0].action is not Action.KEEP:
            with run.lock():
                run.step(release_stale_hold, after=[looked])
            run.report.did.extend(run.report.plan.steps)
    state: State[Report] = Completed(message=str(run.report.plan.steps[0]), data=run.report)
    return cast("Report", state)  # Prefect keeps the state and hands out its data


def plan_for(cluster: str, hold: HoldSeen | None) -> Plan:
    """Return the one step that is to be done."""
    if hold is None:
        step = Step(Action.KEEP, cluster, "garbage collection as it is", "it is not held")
    elif hold.why_kept:
        step = Step(Action.KEEP, cluster, "the hold", str(hold))
    else:
        step = Step(Action.CONFIGURE, cluster, "garbage collection as before the hold", str(hold))
    return Plan("release-hold", cluster, (step,))
