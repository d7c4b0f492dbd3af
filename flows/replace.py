"""replace: the replica of one node moves to another node."""

from prefect import flow

from flows.changing import change
from flows.fitness import preflight_around
from flows.run import Run
from runbook.domain.arguments import require_move
from runbook.domain.report import Report
from tasks.image_archive import check_image_archive
from tasks.removal import choose_replace


@flow(name="replace", flow_run_name="replace {cluster}")
def replace(cluster: str, node: str, by: str, plan_only: bool = False) -> Report:
    """Leave a replica on node `by` and none on `node`.

    A dead one is removed before the new one joins; a healthy one serves until the new one does. A second run
    changes nothing. `plan_only` shows what would be done and touches nothing.
    """
    with Run("replace", cluster) as run:
        require_move(node, by, run.cluster.registry_nodes)
        checked, unfit = preflight_around(run, also=[check_image_archive])
        return change(run, choose_replace, node, by, unfit, checked=checked, plan_only=plan_only)
