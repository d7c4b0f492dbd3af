"""Retention: which recovery points go, why, and the image data that nothing needs any more."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import RecoveryPoint
from runbook.domain.retention import (
    Circumstances,
    RetentionPlan,
    Verdict,
    after_a_backup,
    is_expected,
    plan_retention,
)
from runbook.remote.catalogue import expected_points, recall_all
from runbook.remote.locks import HeldLock
from runbook.remote.needed import Needed, note_needed
from runbook.remote.pins import read_pins
from runbook.remote.prune import measure_skew, remove_point, skew_without_a_write, survey_points
from runbook.remote.recovery_points import list_points
from runbook.remote.sweep import Swept, sweep_blobs
from runbook.remote.unfinished import unfinished_restore
from tasks.policy import step


@step("plan retention")
def choose_expired(
    cluster: ClusterConnection,
    most_at_once: int | None = None,
    only_look: bool = True,
    one_more: bool = False,
) -> RetentionPlan:
    """Return what becomes of every point, with reasons; removes nothing.

    With `only_look` the vault's clock is compared without a write, which shows it only where it is ahead.
    `one_more` counts the point in that a backup will have published.
    """
    policy = cluster.settings.vault.retention.to_domain()
    if most_at_once is not None:
        policy = replace(policy, most_at_once=most_at_once)
    points = list_points(cluster.vault, cluster.name)
    seen = _look(cluster, points, only_look)
    planned = plan_retention(after_a_backup(points, seen.now) if one_more else points, policy, seen)
    for verdict in (verdict for verdict in planned.verdicts if not is_expected(verdict.id)):
        decided = "keep" if verdict.keep else "remove"
        get_run_logger().info("point %s: %s (%s)", verdict.id, decided, verdict.because)
    if planned.refusal:
        get_run_logger().warning("%s: nothing is removed: %s", cluster.name, planned.refusal.what)
    return planned


def _look(cluster: ClusterConnection, points: Iterable[RecoveryPoint], only_look: bool) -> Circumstances:
    vault, name = cluster.vault, cluster.name
    missed = expected_points(vault, name) - {point.id for point in points if point.finished}
    survey = survey_points(vault, name)
    unfinished = unfinished_restore(vault, name)
    now = datetime.now(UTC)
    return Circumstances(
        now=now,
        skew=skew_without_a_write(survey, now) if only_look else measure_skew(vault, name),
        pins=read_pins(vault, name),
        restoring=unfinished.point if unfinished else None,
        foreign=survey.foreign,
        missed=tuple(sorted(missed)),
    )


@step("read what the kept points need")
def read_needed(cluster: ClusterConnection, planned: RetentionPlan) -> Needed:
    """Return the blobs that all points name which stay; RefusedError where one of them cannot be read."""
    staying = {verdict.id for verdict in planned.verdicts if verdict.keep}
    needed = Needed()
    for point in list_points(cluster.vault, cluster.name):
        if point.id in staying:
            note_needed(needed, cluster.vault, cluster.name, point, cluster.identity)
    get_run_logger().info(
        "%s: %s points that stay name %s blobs", cluster.name, len(needed.points), len(needed)
    )
    return needed


@step("remove point {verdict.id}")
def remove_expired(cluster: ClusterConnection, verdict: Verdict, lock: HeldLock) -> Step:
    """Leave nothing of the point, unless it is pinned by now or the vault refuses; return what became of it."""
    lock.require()
    removal = remove_point(
        cluster.vault_as(Role.PRUNER),
        cluster.name,
        verdict.id,
        finished=verdict.finished,
        still_allowed=lock.require,
        records=cluster.vault,
    )
    action = Action.REMOVE if removal.gone else Action.KEEP
    reasons = [verdict.because if removal.gone else "", removal.why]
    done = Step(action, verdict.id, verdict.what, "; ".join(filter(None, reasons)))
    log = get_run_logger()
    (log.warning if removal.why else log.info)("%s", done)
    return done


@step("sweep image data")
def sweep_unneeded(cluster: ClusterConnection, needed: Needed, lock: HeldLock) -> Step:
    """Leave no image data that nothing has needed for the whole grace; return what was done.

    The points are looked at again: one that was not removed after all, or is new, needs its image data too.
    """
    vault, name = cluster.vault_as(Role.PRUNER), cluster.name
    points = list_points(vault, name)
    for point in points:
        if point.id not in needed.points:
            note_needed(needed, vault, name, point, cluster.identity)
    lock.require()
    recall_all(vault, name, (point.id for point in points if point.finished))
    grace = cluster.settings.vault.retention.grace
    swept = sweep_blobs(vault, name, needed, now=datetime.now(UTC), grace=grace, still_allowed=lock.require)
    done = _told(vault.where, swept, f"{grace.total_seconds() / 3600:g} h")
    log = get_run_logger()
    (log.warning if swept.refusals else log.info)("%s", done)
    return done


def _told(where: str, swept: Swept, grace: str) -> Step:
    why = f"{swept.needed} blobs are needed, {swept.waiting} are not, for less than {grace}"
    if swept.refusals:
        key, reason = next(iter(swept.refused.items()))
        why += f"; the vault refuses to delete {swept.refusals}, first {key}: {reason}"
    if not swept.removed:
        return Step(Action.KEEP, where, "image data", why)
    what = f"{swept.removed} blobs of {swept.removed_bytes / 1e6:.1f} MB"
    return Step(Action.REMOVE, where, what, f"no point has needed them for {grace}; {why}")
