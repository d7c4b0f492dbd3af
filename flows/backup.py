"""backup: one recovery point of metadata and images, proven before it counts."""

from typing import cast

from prefect import flow
from prefect.states import Completed

from flows.preflight import preflight
from flows.recovery_point import take_recovery_point
from flows.retention import prune_after_backup, removals_to_come
from flows.run import Run
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report


@flow(name="backup", flow_run_name="backup {cluster}")
def backup(cluster: str, plan_only: bool = False) -> Report:
    """Leave one more verified recovery point in the vault; a run that fails leaves none.

    Then retention is applied as far as the cluster file confirms it. Where that cannot be done the run is complete
    all the same, and its state says so. `plan_only` shows what would be done and touches nothing.
    """
    with Run("backup", cluster) as run:
        checked = preflight(run, losable=True, only_reads=True)
        if plan_only:
            run.report.plan = _plan(run)
            return run.report.planned()
        with run.lock() as lock:
            taken = take_recovery_point(run, after=checked)
            not_pruned = prune_after_backup(run, lock, after=taken)
    if not_pruned:  # a flow may return its state; whoever calls it is given the data
        return cast("Report", Completed(data=run.report, message=not_pruned))
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
        *_accounts(run),
        Step(Action.CONFIGURE, where, "hold garbage collection", "nothing may vanish while both are copied"),
        Step(Action.BACK_UP, where, f"metadata to {vault}", "settings, tags, manifests, permissions"),
        Step(Action.BACK_UP, str(settings.storage.used.place()), "images that came since", "closes the gap"),
        Step(Action.CONFIGURE, where, "release the hold", "its schedule is put back"),
        Step(
            Action.VERIFY, vault, "every tag leads to images that are there", "else it is no recovery point"
        ),
    )
    return Plan("backup", settings.name, steps + removals_to_come(run))


def _accounts(run: Run) -> list[Step]:
    """Return the step that takes the control plane's backup, if the cluster file asks for it."""
    settings = run.cluster.settings
    if settings.control_plane.backup is None:
        return []
    what = f"users, organisations and teams to {settings.vault.url}"
    return [Step(Action.BACK_UP, settings.control_plane.url, what, "they are not in the metadata")]
