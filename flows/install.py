"""install: images, the first replica, its storage, the load balancer, and a canary through the external URL."""

from prefect import flow

from flows.preflight import Checked, judge, preflight
from flows.run import Run
from runbook.domain.findings import without_repeats
from runbook.domain.plans import Plan
from runbook.domain.report import Report
from tasks.first_replica import ensure_first_replica, plan_first_replica
from tasks.image_archive import check_image_archive
from tasks.images import ensure_canary, plan_canary, verify_canary
from tasks.load_balancer import ensure_pool, plan_pool
from tasks.node_images import ensure_images, plan_images
from tasks.registry_tls import check_registry_tls
from tasks.storage import ensure_storage, plan_storage, try_storage, verify_stored


@flow(name="install", flow_run_name="install {cluster}")
def install(cluster: str, plan_only: bool = False) -> Report:
    """Leave the cluster with a first replica that serves images through the load balancer.

    A second run changes nothing. `plan_only` shows what would be done and touches nothing.
    """
    with Run("install", cluster) as run:
        checked = preflight(run, ports=True, also=[check_registry_tls, check_image_archive])
        if plan_only:
            return _plan(run, checked)
        with run.lock():
            tried = _try_storage(run, checked)
            images = run.step(ensure_images, str(run.cluster.version), after=tried)
            run.report.did += images.result()
            first = run.step(ensure_first_replica, after=[images])
            run.report.did += first.result()
            storage = run.step(ensure_storage, after=[first])
            run.report.did.append(storage.result())
            pool = run.step(ensure_pool, after=[storage])
            run.report.did.append(pool.result())
            canary = run.step(ensure_canary, after=[pool])
            pulled = run.step(verify_canary, canary)
            run.step(verify_stored, canary, after=[pulled])
    return run.report


def _try_storage(run: Run, after: Checked) -> Checked:
    """Leave what came of the storage's trial in the report; only who holds the cluster writes there."""
    tried = run.step(try_storage, after=after)
    run.report.findings = without_repeats((*run.report.findings, *tried.result()))
    return [run.step(judge, tried.result(), after=[tried])]


def _plan(run: Run, checked: Checked) -> Report:
    """Leave the plan in the report; each step is what its task would do if it looked now."""
    images = run.step(plan_images, str(run.cluster.version), after=checked)
    first = run.step(plan_first_replica, after=[images])
    rest = [run.step(task, after=[images]) for task in (plan_storage, plan_pool, plan_canary)]
    steps = (*images.result(), *first.result(), *(planned.result() for planned in rest))
    run.report.plan = Plan("install", run.cluster.name, steps)
    return run.report.planned()
