"""backup: one recovery point of metadata and images, proven before it counts."""

from prefect import flow

from flows.preflight import preflight
from flows.recovery_point import take_recovery_point
from flows.run import Run
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report


@flow(name="backup", flow_run_name="backup {cluster}")
def backup(cluster: str, plan_only: bool = False) -> Report:
    """Leave one more verified recovery point in the vault; a run that fails leaves none.

    `plan_only` shows what would be done and touches nothing.
    """
    with Run("backup", cluster) as run:
        checked = preflight(run, losable=True, only_reads=True)
        if plan_only:
            run.report.plan = _plan(run)
            return run.report.planned()
        with run.lock():
            take_recovery_point(run, after=checked)
    return run.report


def _plan(run: Run) -> Plan:
    settings = run.cluster.settings
    where, vault = settings.registry.external_url, settings.vault.url
    steps = (
        Step(
            Action.BACK_UP,
            str(settings.storage.used.place()),
            f"new images to {vault}",
            "most of the work",
        ),
        Step(Action.CONFIGURE, where, "hold garbage collection", "nothing may vanish while both are copied"),
        Step(Action.BACK_UP, where, f"metadata to {vault}", "settings, tags, manifests, permissions"),
        Step(Action.BACK_UP, str(settings.storage.used.place()), "images that came since", "closes the gap"),
        Step(Action.CONFIGURE, where, "release the hold", "its schedule is put back"),
        Step(
            Action.VERIFY, vault, "every tag leads to images that are there", "else it is no recovery point"
        ),
    )
    return Plan("backup", settings.name, steps)
