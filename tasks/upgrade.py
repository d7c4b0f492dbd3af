"""The version of the replicas: what may be done, the way back, the upgrade, the recovery point after it."""

from datetime import UTC, datetime, timedelta

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.control_plane_backup import NOT_IN_THE_POINT
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import CONTROL_PLANE, RecoveryPoint, newest_verified
from runbook.domain.upgrade import (
    WHERE,
    Upgrade,
    choose_upgrade,
    require_image,
    why_no_way_back,
    why_not_upgraded,
)
from runbook.remote.clearing import clear
from runbook.remote.recovery_points import list_with_gone
from runbook.remote.turns import in_turn, settle
from runbook.remote.upgrade_record import unfinished_upgrade
from runbook.remote.waiting import wait_until
from tasks.policy import step

HEALTHY_WITHIN = 300.0
"""Seconds after which every replica must be healthy in the new version, once the bootstrapper says that it is done."""


@step("decide the upgrade")
def decide_upgrade(cluster: ClusterConnection) -> Upgrade:
    """Return what brings every replica to the wanted version; RefusedError says why it may not be."""
    decided = _decide(cluster)
    for planned in decided.all_steps:
        get_run_logger().info("%s", planned)
    return decided


@step("control plane before the registry")
def look_at_control_plane(cluster: ClusterConnection, decided: Upgrade) -> Step:
    """Return what the control plane runs, and what the vendor wants to be done there first."""
    url = cluster.settings.control_plane.url
    try:
        told = str(cluster.control_plane.version())
    except MismatchError as error:
        told = error.what
    first = "engines first, then the control plane, then the registry: the vendor's order"
    action = Action.KEEP if decided.done else Action.VERIFY
    return Step(action, url, f"control plane {told}", first)


@step("require a way back")
def require_way_back(cluster: ClusterConnection, decided: Upgrade, hours: float | None) -> Step:
    """Return the verified recovery point of the running version that is young enough; RefusedError without one.

    It is demanded while no replica has the wanted version, whatever is on record. Later an upgrade that was cut short
    is finished with the one that it began with: none can be taken of two versions.
    """
    vault = cluster.settings.vault.url
    newest = _newest(cluster, None if decided.done else str(decided.running))
    limit = timedelta(hours=hours) if hours else cluster.settings.upgrade.max_point_age
    reason = why_no_way_back(newest, decided.running, datetime.now(UTC), limit)
    if decided.done:
        return Step(Action.KEEP, vault, "recovery points", "nothing is upgraded")
    if reason and not decided.resumed:
        raise RefusedError(WHERE, f"there is no way back: {reason}", _BACK_UP.format(decided.running))
    if reason:
        get_run_logger().warning("%s: %s; the upgrade is finished all the same", cluster.name, reason)
    return Step(
        Action.VERIFY, vault, f"recovery point {newest.id if newest else 'none'}", _why(newest, decided)
    )


@step("upgrade", retries=0)
def ensure_upgraded(cluster: ClusterConnection) -> tuple[Step, ...]:
    """Leave every replica healthy in the wanted version; keep what is. The vendor's command resumes by itself.

    The bootstrapper of a run that was killed is awaited, and what it left that bars the next one is removed.
    """
    return in_turn(lambda: _upgrade(cluster), cluster.name)


@step("is there a point of this version")
def choose_new_point(cluster: ClusterConnection) -> Step:
    """Return whether a verified recovery point of the wanted version is there, or is to be taken at once."""
    newest, version = _newest(cluster, str(cluster.version)), cluster.version
    vault = cluster.settings.vault.url
    if newest:
        return Step(Action.KEEP, vault, f"recovery point {newest.id}", f"it is of {version}")
    why = f"there is none of {version}, and an older one cannot be restored into it"
    return Step(Action.BACK_UP, vault, "a new recovery point", why)


def _decide(cluster: ClusterConnection) -> Upgrade:
    seen, wanted = settle(cluster.observe, cluster.name), cluster.version
    before = unfinished_upgrade(cluster.vault, cluster.name, cluster.identity, wanted)
    decided = choose_upgrade(seen, wanted, before)
    require_image(cluster.settings.registry.image, decided.running, wanted)
    return decided


def _upgrade(cluster: ClusterConnection) -> tuple[Step, ...]:
    decided = _decide(cluster)
    clear(decided.left, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
    if decided.done:
        return decided.all_steps
    members = cluster.observe().members
    get_run_logger().info("%s: upgrade from %s to %s", cluster.name, decided.running, decided.wanted)
    cluster.bootstrapper.upgrade(decided.through)
    wait_until(
        lambda: why_not_upgraded(cluster.observe(), decided.wanted, members),
        where=cluster.name,
        timeout=HEALTHY_WITHIN,
    )
    return decided.all_steps


def _newest(cluster: ClusterConnection, version: str | None) -> RecoveryPoint | None:
    """Return the newest verified point, of that version if one is given."""
    points = list_with_gone(cluster.vault_as(Role.VERIFIER), cluster.name)
    of_it = (p for p in points if p.manifest and version in {None, p.manifest.registry_version})
    return newest_verified(of_it)


def _why(newest: RecoveryPoint | None, decided: Upgrade) -> str:
    if newest is None or newest.manifest is None:
        return "an upgrade that was cut short is finished without one"
    accounts = "" if CONTROL_PLANE in newest.manifest.objects else f"; {NOT_IN_THE_POINT}"
    return f"the way back to {decided.running}, with that image{accounts}"


_BACK_UP = (
    "run `runbook backup` with version {} in the cluster file, then upgrade; or see --max-point-age-hours"
)
