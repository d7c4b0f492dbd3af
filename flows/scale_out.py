"""scale-out: more replicas, odd numbers only, one after another."""

from prefect import flow

from flows.growth import grow, plan_changes
from flows.preflight import preflight
from flows.run import Run
from runbook.domain.arguments import require_growth
from runbook.domain.plans import Plan
from runbook.domain.report import Report
from tasks.image_archive import check_image_archive
from tasks.replicas import choose_joins


@flow(name="scale-out", flow_run_name="scale-out {cluster}")
def scale_out(cluster: str, replicas: int | None = None, plan_only: bool = False) -> Report:
    """Leave the cluster with `replicas` replicas (left out: what its settings say), all behind the balancer.

    A second run changes nothing and says why. `plan_only` shows what would be done and touches nothing.
    """
    with Run("scale-out", cluster) as run:
        wanted = replicas if replicas is not None else run.cluster.settings.replicas
        require_growth(wanted, run.cluster.registry_nodes)
        checked = preflight(run, ports=True, also=[check_image_archive])
        if plan_only:
            planned = run.step(choose_joins, wanted, after=checked)
            steps = plan_changes(run, planned.result(), after=[planned])
            run.report.plan = Plan("scale-out", run.cluster.name, steps)
            return run.report.planned()
        with run.lock():
            grow(run, wanted, after=checked)
    return run.report
