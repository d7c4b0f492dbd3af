"""check: look at everything, change nothing, show all findings at once."""

from prefect import flow

from flows.preflight import judge, look
from flows.run import Run
from runbook.domain.report import Report
from tasks.image_archive import check_image_archive
from tasks.registry_tls import check_registry_tls


@flow(name="check", flow_run_name="check {cluster}")
def check(cluster: str, fail_if_blocked: bool = True) -> Report:
    """Return all findings about a cluster (a RegistryCluster block's name or a cluster file's path).

    Fails with one error that names every finding that blocks, unless told not to: the report has them too.
    """
    with Run("check", cluster) as run:
        looked = look(run, ports=True, replicas=True, also=[check_registry_tls, check_image_archive])
        if fail_if_blocked:
            run.step(judge, run.report.findings, after=looked)
        return run.report.judged()
