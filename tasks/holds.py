"""Garbage collection must not run between the copy of metadata and the copy of images."""

from datetime import UTC, datetime
from uuid import uuid4

from prefect import get_run_logger
from prefect.runtime import flow_run

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.hold_lease import HoldSeen
from runbook.domain.holds import HoldRecord, describe, read_crons
from runbook.domain.recovery import Manifest
from runbook.domain.versions import garbage_collection_actions
from runbook.remote.hold_lease import look_at_hold, release_abandoned
from runbook.remote.holds import hold, put_back, release
from runbook.remote.recovery_points import read_sidecar
from tasks.policy import step

_NO_RUN = str(uuid4())


@step("hold garbage collection")
def hold_garbage_collection(cluster: ClusterConnection) -> HoldRecord:
    """Leave garbage collection neither scheduled nor running, and its crons remembered whole in the vault."""
    actions = garbage_collection_actions(cluster.version)
    with cluster.admin as admin:
        crons = {action: cron for action, cron in admin.crons().items() if action in actions}
        record = HoldRecord(_owner(), crons, datetime.now(UTC))
        record = hold(cluster.vault, cluster.name, admin, record, actions)
    get_run_logger().info("%s: garbage collection is held (was %s)", cluster.name, describe(record.crons))
    return record


@step("release garbage collection")
def release_hold(cluster: ClusterConnection, held: HoldRecord | None = None) -> None:
    """Leave garbage collection scheduled as it was before the hold; `held` is what the run knows of it."""
    with cluster.admin as admin:
        record = release(cluster.vault, cluster.name, admin, _owner(), held)
    if record:
        get_run_logger().info(
            "%s: garbage collection is scheduled as before: %s", cluster.name, describe(record.crons)
        )


@step("garbage collection as it was backed up")
def restore_schedules(cluster: ClusterConnection, point: Manifest) -> None:
    """Leave garbage collection scheduled as before the backup: the metadata knows it as it was under the hold."""
    sidecar = read_sidecar(cluster.vault_as(Role.RESTORER), cluster.name, point.id, cluster.identity)
    crons = read_crons(sidecar.get("held_schedules", {}))
    with cluster.admin as admin:
        put_back(cluster.name, admin, crons)
    get_run_logger().info("%s: garbage collection is scheduled as before: %s", cluster.name, describe(crons))


@step("look at the hold")
def check_hold(cluster: ClusterConnection) -> HoldSeen | None:
    """Return the hold that is on record and whether it must stay, None if there is none."""
    seen = look_at_hold(cluster.vault, cluster.name, datetime.now(UTC))
    get_run_logger().info("%s: %s", cluster.name, seen or "garbage collection is not held")
    return seen


@step("release a forgotten hold")
def release_stale_hold(cluster: ClusterConnection) -> HoldRecord | None:
    """Leave no hold of a run that died, and return it; the cluster's lock is held here, so no other run lives."""
    with cluster.admin as admin:
        record = release_abandoned(cluster.vault, cluster.name, admin, _owner())
    if record:
        get_run_logger().warning("%s: released the hold of run %s, which died", cluster.name, record.owner)
    return record


def _owner() -> str:
    """Return who this run is, as the cluster's lock names it too."""
    return flow_run.get_id() or _NO_RUN
