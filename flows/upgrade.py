"""upgrade: every replica in the next version, with a way back before it and a new recovery point after it."""

from prefect import flow
from prefect.futures import PrefectFuture

from flows.preflight import preflight
from flows.recovery_point import take_recovery_point
from flows.run import After, Run
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report
from runbook.domain.upgrade import Before, Upgrade, image_for
from tasks.image_archive import check_image_archive
from tasks.images import ensure_canary, verify_canary
from tasks.load_balancer import ensure_pool
from tasks.node_images import ensure_images, plan_images
from tasks.upgrade import (
    choose_new_point,
    decide_upgrade,
    ensure_upgraded,
    look_at_control_plane,
    recall_before,
    remember,
    require_way_back,
    verify_kept,
)


@flow(name="upgrade", flow_run_name="upgrade {cluster}")
def upgrade(
    cluster: str, to: str | None = None, max_point_age_hours: float | None = None, plan_only: bool = False
) -> Report:
    """Leave every replica in version `to` (left out: what the cluster file says), and the registry backed up in it.

    A second run keeps what is done and finishes what is not. `plan_only` shows what would be done and touches nothing.
    """
    with Run("upgrade", cluster, version=to) as run:
        checked = preflight(run, also=[check_image_archive])
        decided = run.step(decide_upgrade, after=checked)
        run.report.plan = _plan(run, decided, max_point_age_hours)
        _note(run, decided.result(), to)
        if plan_only:
            return run.report.planned()
        with run.lock():
            images = run.step(ensure_images, str(run.cluster.version), after=[decided])
            run.report.did += images.result()
            before = _before(run, decided, after=[images])
            upgraded = run.step(ensure_upgraded, after=[before])
            run.report.did += upgraded.result()
            _prove(run, before, after=[upgraded])
    return run.report


def _plan(run: Run, decided: PrefectFuture[Upgrade], hours: float | None) -> Plan:
    """Return every step; refuses without a way back."""
    found = decided.result()
    control_plane = run.step(look_at_control_plane, decided)
    way_back = run.step(require_way_back, decided, hours, after=[control_plane])
    images = run.step(plan_images, str(found.wanted), after=[way_back])
    point = run.step(choose_new_point, after=[images])
    proofs = () if found.done else _proofs(run)
    steps = (
        control_plane.result(),
        way_back.result(),
        *images.result(),
        *found.steps,
        *proofs,
        point.result(),
    )
    return Plan("upgrade", run.cluster.name, steps)


def _proofs(run: Run) -> tuple[Step, ...]:
    settings = run.cluster.settings
    return (
        Step(Action.CONFIGURE, "load balancer", "pool of all replicas", "the probe is that of the version"),
        Step(
            Action.VERIFY, settings.registry.external_url, "canary pulled by digest", "images are as before"
        ),
        Step(Action.VERIFY, settings.name, "members, settings and schedules", "they are as before"),
    )


def _before(run: Run, decided: PrefectFuture[Upgrade], after: After) -> PrefectFuture[Before]:
    """Leave what is true before on record, the canary proven; an upgrade that was cut short has it there."""
    recalled = run.step(recall_before, after=after)
    if recalled.result():
        return recalled  # type: ignore[return-value]
    canary = run.step(ensure_canary, after=[recalled])
    pulled = run.step(verify_canary, canary)
    return run.step(remember, decided, canary, after=[pulled])


def _prove(run: Run, before: PrefectFuture[Before], after: After) -> None:
    """Leave pool, canary, members and schedules proven, and a recovery point of the new version."""
    pool = run.step(ensure_pool, after=after)
    run.report.did.append(pool.result())
    pulled = run.step(verify_canary, before.result().canary, after=[pool])
    kept = run.step(verify_kept, before, after=[pulled])
    run.report.notes += [f"after the upgrade {said}" for said in kept.result()]
    point = run.step(choose_new_point, after=[kept])
    if point.result().action is Action.KEEP:
        run.report.did.append(point.result())
        return
    take_recovery_point(run, after=[point])


def _note(run: Run, decided: Upgrade, to: str | None) -> None:
    if not decided.done:
        image = image_for(run.cluster.settings.registry.image, run.cluster.version, decided.running)
        run.report.notes.append(
            f"recovery points of {decided.running} can only be restored with {image}: keep it on the managers. "
            "This run deletes no image"
        )
    if to:
        run.report.notes.append(
            f"then set registry.version to {to} in the cluster file: other runbooks use its bootstrapper"
        )
