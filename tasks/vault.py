"""The vault: can it be read, is it protected as it should be, and how old is its newest recovery point."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from blocks.connection import ClusterConnection
from runbook.domain.errors import InvalidConfigError, NewerFormatError, RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.recovery import RecoveryPoint, newest_verified, refuse_newer_points, why_too_old
from runbook.domain.retention import why_outlives_lock
from runbook.remote.encryption import recipient_of
from runbook.remote.hold_lease import look_at_hold
from runbook.remote.recovery_points import list_with_gone
from runbook.remote.unfinished import unfinished_restore
from runbook.remote.vault_checks import check_protection
from tasks.policy import step


@step("check vault")
def check_vault(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the vault can be read, how old its newest verified point is, and what a dead run left.

    The identity is among it: one that opens nothing would be noticed after hours, when a point is proven.
    """
    return (*_check_identity(cluster), *_check_lock_days(cluster), *_check_points(cluster))


def _check_lock_days(cluster: ClusterConnection) -> Iterator[Finding]:
    settings = cluster.settings.vault
    if settings.object_lock is None:
        return
    days = timedelta(days=settings.object_lock.days)
    if reason := why_outlives_lock(settings.retention.to_domain(), days):
        yield Finding(Level.WARNING, "vault.object_lock.days", reason, _LOCK_LONGER)


def _check_identity(cluster: ClusterConnection) -> tuple[Finding, ...]:
    try:
        keys = _recipients(cluster)
    except RunbookError as error:
        return (from_error(error),)
    next_step = "name that key in vault.recipients too, or the identity of one that stands there"
    return tuple(
        Finding(
            Level.BLOCKS,
            where,
            f"it opens what is encrypted for {recipient}, which is none of vault.recipients",
            next_step,
            InvalidConfigError,
        )
        for where, recipient in keys.items()
        if recipient not in cluster.settings.vault.recipients
    )


def _recipients(cluster: ClusterConnection) -> dict[str, str]:
    """Return whom the configured identities belong to."""
    identities = {"vault.identity": cluster.identity, "vault.escrow_identity": cluster.escrow_identity}
    return {where: recipient_of(identity) for where, identity in identities.items() if identity}


def _check_points(cluster: ClusterConnection) -> tuple[Finding, ...]:
    vault = cluster.settings.vault.url
    try:
        points = list_with_gone(cluster.vault, cluster.name)
        left = (*_left_by_dead_runs(cluster), *_check_protection(cluster, newest_verified(points)))
    except RunbookError as error:
        return (from_error(error),)
    damaged = (
        Finding(Level.WARNING, vault, f"recovery point {point.id} is damaged: {point.damage}", _MEND)
        for point in points
        if point.damage
    )
    return (
        *left,
        *damaged,
        *(Finding(Level.WARNING, f"{vault}, point {p.id}", str(p.problem), _GONE) for p in points if p.gone),
        *_of_a_newer_format(points, vault),
        _age_of(cluster, vault, newest_verified(points)),
    )


def _check_protection(cluster: ClusterConnection, newest: RecoveryPoint | None) -> Iterator[Finding]:
    limit = timedelta(days=cluster.settings.vault.escrow_probe_days)
    try:
        proven = set(_recipients(cluster).values())
    except RunbookError:  # told by `_check_identity`
        proven = set()
    return check_protection(cluster.vault, newest, proven, datetime.now(UTC), limit)


def _of_a_newer_format(points: tuple[RecoveryPoint, ...], vault: str) -> tuple[Finding, ...]:
    try:
        refuse_newer_points(points, vault)
    except NewerFormatError as error:
        return (Finding(Level.WARNING, error.where, error.what, error.next_step),)
    return ()


def _left_by_dead_runs(cluster: ClusterConnection) -> tuple[Finding, ...]:
    found = []
    if hold := look_at_hold(cluster.vault, cluster.name, datetime.now(UTC)):
        found.append(
            ok(cluster.name, str(hold))
            if hold.why_kept
            else Finding(
                Level.WARNING, cluster.name, str(hold), "run `runbook release-hold`; a backup does it too"
            )
        )
    if left := unfinished_restore(cluster.vault, cluster.name):
        what = f"the restore of recovery point {left.point} did not finish"
        found.append(Finding(Level.WARNING, cluster.name, what, _FINISH))
    return tuple(found)


def _age_of(cluster: ClusterConnection, vault: str, newest: RecoveryPoint | None) -> Finding:
    limit = timedelta(minutes=cluster.settings.targets.rpo_minutes)
    if reason := why_too_old(newest, datetime.now(UTC), limit):
        return Finding(Level.WARNING, vault, reason, "run `runbook backup`")
    return ok(vault, f"newest verified recovery point: {newest.id if newest else 'none'}")


_FINISH = (
    "run `runbook restore` again; if the registry serves as it should, `runbook backup` closes the matter"
)

_MEND = "put it back from a copy, or delete the damaged blob and run `runbook backup`, which copies it again"
_LOCK_LONGER = "raise it to that, or keep fewer points; older ones are protected by nothing but the keys"
_GONE = "see docs/verify.md, or delete its entry in catalogue/ if it shall be gone"
