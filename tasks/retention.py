"""Retention: which recovery points go, why, and the image data that nothing needs any more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.plans import Action, Step
from runbook.domain.retention import Circumstances, RetentionPlan, plan_retention
from runbook.remote.locks import HeldLock
from runbook.remote.pins import read_pins
from runbook.remote.prune import clock_skew, remove_point, sweep_blobs
from runbook.remote.recovery_points import list_points
from tasks.policy import step


@step("plan retention")
def choose_expired(cluster: ClusterConnection, most_at_once: int | None = None) -> RetentionPlan:
    """Return what becomes of every point, with reasons; removes nothing."""
    policy = cluster.settings.vault.retention.to_domain()
    if most_at_once is not None:
        policy = replace(policy, most_at_once=most_at_once)
    seen = Circumstances(
        datetime.now(UTC), clock_skew(cluster.vault, cluster.name), read_pins(cluster.vault, cluster.name)
    )
    planned = plan_retention(list_points(cluster.vault, cluster.name), policy, seen)
    for verdict in planned.verdicts:
        get_run_logger().info(
            "point %s: %s (%s)", verdict.id, "keep" if verdict.keep else "remove", "; ".join(verdict.reasons)
        )
    if planned.refusal:
        get_run_logger().warning("%s: nothing is removed: %s", cluster.name, planned.refusal)
    return planned


@step("remove expired points")
def remove_expired(
    cluster: ClusterConnection, identifiers: Sequence[str], lock: HeldLock
) -> tuple[Step, ...]:
    """Leave none of these points in the vault, then no image data that only they needed."""
    done = []
    for identifier in identifiers:
        lock.require()
        remove_point(cluster.vault, cluster.name, identifier)
        done.append(Step(Action.REMOVE, identifier, "recovery point", "no rule keeps it"))
        get_run_logger().info("%s", done[-1])
    swept = sweep_blobs(
        cluster.vault,
        cluster.name,
        cluster.identity,
        grace=cluster.settings.vault.retention.grace,
        still_allowed=lock.require,
    )
    what = f"{swept.removed} blobs ({swept.removed_bytes / 1e6:.1f} MB)"
    why = f"no point names them; {swept.kept} are needed, {swept.young} too young to tell"
    done.append(Step(Action.REMOVE if swept.removed else Action.KEEP, cluster.vault.where, what, why))
    get_run_logger().info("%s", done[-1])
    return tuple(done)
