"""repair: dead replicas leave the cluster, then as many join: on the same nodes if these are fit, else on others."""

from prefect import flow

from flows.changing import change
from flows.fitness import preflight_around
from flows.run import Run
from runbook.domain.report import Report
from tasks.image_archive import check_image_archive
from tasks.removal import choose_repair


@flow(name="repair", flow_run_name="repair {cluster}")
def repair(cluster: str, plan_only: bool = False) -> Report:
    """Leave every member healthy, and as many of them as there were or as the cluster's settings say.

    Refuses when the majority is dead, naming what helps then. A second run changes nothing. `plan_only` shows
    what would be done and touches nothing.
    """
    with Run("repair", cluster) as run:
        checked, unfit = preflight_around(run, also=[check_image_archive])
        return change(run, choose_repair, unfit, checked=checked, plan_only=plan_only)
