"""remove: fewer replicas, one after another, down to an odd number."""

from collections.abc import Sequence

from prefect import flow

from flows.changing import change
from flows.fitness import preflight_around
from flows.run import Run
from runbook.domain.arguments import require_shrink
from runbook.domain.report import Report
from tasks.removal import choose_shrink


@flow(name="remove", flow_run_name="remove {cluster}")
def remove(
    cluster: str, replicas: int | None = None, named: Sequence[str] = (), plan_only: bool = False
) -> Report:
    """Leave the cluster with `replicas` replicas, or without those that are `named` by id or node.

    Each leaves the load balancer before it leaves the cluster. A second run changes nothing. `plan_only` shows
    what would be done and touches nothing.
    """
    with Run("remove", cluster) as run:
        require_shrink(replicas, named)
        checked, _ = preflight_around(run)
        return change(run, choose_shrink, replicas, named, checked=checked, plan_only=plan_only)
