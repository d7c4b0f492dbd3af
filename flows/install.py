"""install: the first replica, its storage, the load balancer, and a canary through the external URL."""

from prefect import flow

from flows.preflight import Checked, preflight
from flows.run import Run
from runbook.domain.growth import choose_first_replica
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report
from tasks.images import ensure_canary, verify_canary
from tasks.load_balancer import ensure_pool
from tasks.replicas import ensure_first_replica, observe_cluster
from tasks.storage import ensure_storage


@flow(name="install", flow_run_name="install {cluster}")
def install(cluster: str, plan_only: bool = False) -> Report:
    """Leave the cluster with a first replica that serves images through the load balancer.

    A second run changes nothing. `plan_only` shows what would be done and touches nothing.
    """
    with Run("install", cluster) as run:
        checked = preflight(run)
        if plan_only:
            return _plan(run, checked)
        with run.lock():
            first = run.step(ensure_first_replica, after=checked)
            storage = run.step(ensure_storage, after=[first])
            pool = run.step(ensure_pool, after=[storage])
            canary = run.step(ensure_canary, after=[pool])
            run.step(verify_canary, canary)
            run.report.did += [first.result(), storage.result(), pool.result()]
    return run.report


def _plan(run: Run, checked: Checked) -> Report:
    """Leave the plan in the report; steps that depend on the first replica are decided when reached."""
    seen = run.step(observe_cluster, after=checked).result()
    first = choose_first_replica(seen, run.cluster.registry_nodes, str(run.cluster.version))
    keep = first.action is Action.KEEP
    settings = run.cluster.settings
    reason = "decided when the replica is there" if not keep else "compared with what is there when run"
    steps = (
        first,
        Step(Action.CONFIGURE, "storage", str(settings.storage.used.place()), reason),
        Step(Action.CONFIGURE, settings.load_balancer.used.name, "pool of all replicas", reason),
        Step(Action.VERIFY, settings.registry.external_url, "canary pushed and pulled", "it proves the path"),
    )
    run.report.plan = Plan("install", run.cluster.name, steps)
    return run.report.planned()
