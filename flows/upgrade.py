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
from tasks.images import ensure_canary, verify_canary, verify_former_canary
from tasks.load_balancer import ensure_pool, plan_pool
from tasks.node_images import ensure_images, ensure_older_bootstrapper, plan_images, plan_older_bootstrapper
from tasks.upgrade import (
    choose_new_point,
    decide_upgrade,
    ensure_upgraded,
    look_at_control_plane,
    require_way_back,
)
from tasks.upgrade_proof import close_upgrade, compare_with_before, recall_before, remember


@flow(name="upgrade", flow_run_name="upgrade {cluster}")
def upgrade(
    cluster: str,
    to: str | None = None,
    max_point_age_hours: float | None = None,
    accept_differences: bool = False,
    plan_only: bool = False,
) -> Report:
    """Leave every replica in version `to` (left out: what the cluster file says), and the registry backed up in it.

    A second run keeps what is done and finishes what is not. `accept_differences` lets it end although members or
    schedules are not as before; they are in the report. `plan_only` shows what would be done and touches nothing.
    """
    with Run("upgrade", cluster, version=to) as run:
        checked = preflight(run, also=[check_image_archive])
        decided = run.step(decide_upgrade, after=checked)
        run.report.plan = _plan(run, decided, max_point_age_hours)
        _note(run, decided.result(), to)
        if plan_only:
            return run.report.planned()
        with run.lock():
            older = run.step(ensure_older_bootstrapper, _older(run, decided.result()), after=[decided])
            images = run.step(ensure_images, str(run.cluster.version), after=[older])
            run.report.did += (*older.result(), *images.result())
            before = _before(run, decided, after=[images])
            upgraded = run.step(ensure_upgraded, after=[before])
            run.report.did += upgraded.result()
            _prove(run, before, accept_differences, after=[upgraded])
    return run.report


def _plan(run: Run, decided: PrefectFuture[Upgrade], hours: float | None) -> Plan:
    """Return every step; refuses without a way back."""
    found = decided.result()
    control_plane = run.step(look_at_control_plane, decided)
    way_back = run.step(require_way_back, decided, hours, after=[control_plane])
    older = run.step(plan_older_bootstrapper, _older(run, found), after=[way_back])
    images = run.step(plan_images, str(found.wanted), after=[older])
    pool = run.step(plan_pool, after=[images])
    point = run.step(choose_new_point, after=[pool])
    proofs = () if found.done else _proofs(run)
    steps = (
        control_plane.result(),
        way_back.result(),
        *older.result(),
        *images.result(),
        *found.all_steps,
        pool.result(),
        *proofs,
        point.result(),
    )
    return Plan("upgrade", run.cluster.name, steps)


def _proofs(run: Run) -> tuple[Step, ...]:
    settings = run.cluster.settings
    return (
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


def _prove(run: Run, before: PrefectFuture[Before], accept: bool, after: After) -> None:
    """Leave pool and canary proven, and a recovery point of the new version; what was lost fails the run after it."""
    pool = run.step(ensure_pool, after=after)
    run.report.did.append(pool.result())
    pulled = run.step(verify_former_canary, before.result().canary, after=[pool])
    kept = run.step(compare_with_before, before, after=[pulled])
    lost, otherwise = kept.result().lost, kept.result().otherwise
    run.report.notes += [f"after the upgrade {said}" for said in otherwise]
    run.report.notes += [f"after the upgrade{', accepted' if accept else ''}: {said}" for said in lost]
    point = run.step(choose_new_point, after=[kept])
    last: After = [point]
    if point.result().action is Action.KEEP:
        run.report.did.append(point.result())
    else:
        last = take_recovery_point(run, after=[point])
    run.step(close_upgrade, kept, accept, after=last)


def _older(run: Run, decided: Upgrade) -> str | None:
    """Return the bootstrapper's image that the way back needs, None where nothing is upgraded."""
    if decided.done:
        return None
    return image_for(run.cluster.settings.registry.image, run.cluster.version, decided.running)


def _note(run: Run, decided: Upgrade, to: str | None) -> None:
    if not decided.done:
        image = _older(run, decided)
        run.report.notes.append(
            f"recovery points of {decided.running} can only be restored with {image}: keep it on the managers. "
            "This run deletes no image"
        )
    if to:
        run.report.notes.append(
            f"then set registry.version to {to} in the cluster file: other runbooks use its bootstrapper"
        )
