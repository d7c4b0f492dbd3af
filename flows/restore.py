"""restore: the last resort. Decide, show, ask, then bring the registry back from a recovery point."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import flow
from prefect.futures import PrefectFuture

from flows.approval import GivenApproval, require_approval, require_same_plan, was_shown
from flows.growth import grow
from flows.planned_ports import check_planned_ports
from flows.preflight import preflight
from flows.recovery_point import take_recovery_point
from flows.run import After, Run
from runbook.domain.plans import Action, Plan
from runbook.domain.recovery import Manifest
from runbook.domain.report import Report
from runbook.domain.restore_plan import Loss, nodes_of_replicas
from tasks.holds import restore_schedules
from tasks.images import verify_canary, verify_sample
from tasks.load_balancer import ensure_pool
from tasks.node_images import ensure_images, plan_images
from tasks.remains import decide_remedy, destroy_remains, set_aside_remains
from tasks.restoration import (
    choose_point,
    finish_restore,
    plan_recovery,
    preview_loss,
    read_images,
    restore_images,
    restore_metadata,
    verify_chosen,
)


@flow(name="restore", flow_run_name="restore {cluster}")
def restore(
    cluster: str,
    point: str | None = None,
    plan_only: bool = False,
    approval: GivenApproval | None = None,
    force_reason: str | None = None,
) -> Report:
    """Leave the cluster as recovery point `point` (left out: the newest verified) knew it, and backed up anew.

    Refuses, naming the lighter remedy, while one exists; `force_reason` overrules that and is kept. Nothing is
    touched before the point is verified and a person has approved the plan. Its images are read in full before
    a plan is shown, and not again once exactly that plan is approved.
    """
    with Run("restore", cluster) as run:
        checked = preflight(run, losable=True)
        shown = _look(run, checked, point, force_reason)
        run.report.plan = shown.plan.result()
        run.report.notes += [f"forced: {force_reason}"] if force_reason else []
        run.report.notes.append(shown.loss.result().sentence(run.began))
        looked = _look_ahead(run, after=[shown.plan])
        if plan_only or not was_shown(shown.plan.result(), approval):
            run.step(read_images, shown.point, after=looked)
        if plan_only:
            return run.report.planned()
        require_approval(run, shown.plan.result(), approval)
        with run.lock():
            seen = _look(run, looked, point, force_reason)
            require_same_plan(seen.plan.result(), shown.plan.result())
            proven = _first_replica(run, seen)
            run.report.notes.append(_reached(run, seen.loss.result()))
            grown = grow(run, run.cluster.settings.replicas, after=[proven])
            take_recovery_point(run, after=grown)
    return run.report


@dataclass(frozen=True)
class _Look:
    """What would be done, as things are now."""

    point: PrefectFuture[Manifest]
    loss: PrefectFuture[Loss]
    plan: PrefectFuture[Plan]


def _look(run: Run, after: After, point: str | None, force_reason: str | None) -> _Look:
    """Decide, choose and verify the point, preview the loss, plan; touches nothing."""
    decided = run.step(decide_remedy, force_reason, after=after)
    chosen = run.step(choose_point, point, after=[decided])
    verified = run.step(verify_chosen, chosen)
    loss = run.step(preview_loss, chosen, after=[verified])
    return _Look(chosen, loss, run.step(plan_recovery, verified, loss, after=[decided]))


def _look_ahead(run: Run, after: After) -> After:
    """Leave in the report what the nodes of the plan's replicas lack; raise what would stop the restore half-way."""
    assert run.report.plan
    reached = check_planned_ports(run, after)
    own = run.step(plan_images, *_own_images(run, run.report.plan), after=reached)
    run.report.notes += [str(each) for each in own.result() if each.action is not Action.KEEP]
    return [own]


def _own_images(run: Run, plan: Plan) -> tuple[str, tuple[str, ...]]:
    """Return the version, and the nodes that get replicas: any other node may lack what it likes."""
    return str(run.cluster.version), nodes_of_replicas(plan)


def _first_replica(run: Run, seen: _Look) -> PrefectFuture[None]:
    """Leave one replica that serves what the point knows: images before metadata, proven by pulls."""
    did = run.report.did
    own = run.step(ensure_images, *_own_images(run, seen.plan.result()), after=[seen.plan])
    did += own.result()
    aside = run.step(set_aside_remains, seen.point, after=[own])
    did += [kept.step for kept in aside.result()]
    destroyed = run.step(destroy_remains, aside)
    did += destroyed.result()
    images = run.step(restore_images, seen.point, after=[destroyed])
    did.append(images.result())
    first = run.step(restore_metadata, seen.point, after=[images])
    did.append(first.result())
    scheduled = run.step(restore_schedules, seen.point, after=[first])
    pool = run.step(ensure_pool, after=[scheduled])
    did.append(pool.result())
    canary = run.step(verify_canary, seen.point.result().canary, after=[pool])
    sample = run.step(verify_sample, after=[pool])
    return run.step(finish_restore, after=[canary, sample])


def _reached(run: Run, loss: Loss) -> str:
    """Return RTO and RPO beside their targets: from the start of this run, and back to the point."""
    targets = run.cluster.settings.targets
    rto = (datetime.now(UTC) - run.began).total_seconds()
    rpo = loss.seconds(run.began)
    return (
        f"RTO {rto:.0f} s from the start of this run until images were pulled again, "
        f"target {targets.rto_minutes * 60:.0f} s; RPO {rpo:.0f} s, target {targets.rpo_minutes * 60:.0f} s"
    )
