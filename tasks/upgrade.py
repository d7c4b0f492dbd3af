"""The version of the replicas: what may be done, what was true before, the upgrade, what must be true after."""

from datetime import UTC, datetime, timedelta

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.control_plane_backup import NOT_IN_THE_POINT
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.holds import why_not_released
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import CONTROL_PLANE, Canary, RecoveryPoint, newest_verified
from runbook.domain.upgrade import (
    WHERE,
    Before,
    Upgrade,
    choose_upgrade,
    schedules_that_stay,
    what_differs,
    why_no_way_back,
    why_not_upgraded,
)
from runbook.domain.versions import parse_version
from runbook.remote.recovery_points import list_with_gone
from runbook.remote.upgrade_record import note_before, note_upgraded, unfinished_upgrade
from runbook.remote.waiting import wait_until
from tasks.policy import step

HEALTHY_WITHIN = 300.0
"""Seconds after which every replica must be healthy in the new version, once the bootstrapper says that it is done."""


@step("decide the upgrade")
def decide_upgrade(cluster: ClusterConnection) -> Upgrade:
    """Return what brings every replica to the wanted version; RefusedError says why it may not be."""
    decided = _decide(cluster)
    for planned in decided.steps:
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

    An upgrade that was cut short is finished with the one that it began with: none can be taken of two versions.
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


@step("what was true before an upgrade that was cut short")
def recall_before(cluster: ClusterConnection) -> Before | None:
    """Return what is on record of an unfinished upgrade to the wanted version, None if there is none."""
    return _recorded(cluster)


@step("note what is true before")
def remember(cluster: ClusterConnection, decided: Upgrade, canary: Canary) -> Before:
    """Leave settings, schedules, members and canary on record until the upgrade is proven; return them."""
    with cluster.admin as admin:
        settings, crons = admin.settings().all, admin.crons()
    members = cluster.observe().members
    before = Before(str(decided.running), str(decided.wanted), canary, crons, settings, members)
    if not decided.done:
        note_before(cluster.vault, cluster.name, before, cluster.settings.vault.recipients)
    return before


@step("upgrade", retries=0)
def ensure_upgraded(cluster: ClusterConnection) -> tuple[Step, ...]:
    """Leave every replica healthy in the wanted version; keep what is. The vendor's command resumes by itself."""
    decided = _decide(cluster)
    if decided.done:
        return decided.steps
    members = cluster.observe().members
    get_run_logger().info("%s: upgrade from %s to %s", cluster.name, decided.running, decided.wanted)
    cluster.bootstrapper.upgrade(decided.through)
    wait_until(
        lambda: why_not_upgraded(cluster.observe(), decided.wanted, members),
        where=cluster.name,
        timeout=HEALTHY_WITHIN,
    )
    return decided.steps


@step("nothing else has changed")
def verify_kept(cluster: ClusterConnection, before: Before) -> tuple[str, ...]:
    """Return what of the settings a person should look at, once members and schedules are as before.

    Then the upgrade is not on record any more. MismatchError names what differs, and the record stays: a second
    run compares again.
    """
    reason = why_not_upgraded(cluster.observe(), cluster.version, before.members)
    with cluster.admin as admin:
        settings, crons = admin.settings().all, admin.crons()
    if reason := reason or why_not_released(schedules_that_stay(before), crons):
        what = f"it runs {cluster.version}, and is not as before: {reason}"
        raise MismatchError(cluster.name, what, _LOOK)
    if _recorded(cluster):
        note_upgraded(cluster.vault, cluster.name)
    differences = tuple(what_differs(before, settings, crons))
    for said in differences:
        get_run_logger().warning("%s: after the upgrade %s", cluster.name, said)
    return differences


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
    return choose_upgrade(cluster.observe(), cluster.version, _recorded(cluster))


def _recorded(cluster: ClusterConnection) -> Before | None:
    before = unfinished_upgrade(cluster.vault, cluster.name, cluster.identity)
    return before if before and parse_version(before.wanted) == cluster.version else None


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
_LOOK = "look at it in the registry's UI, set it right, then run the upgrade again: it compares once more"
