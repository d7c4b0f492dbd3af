"""What was true before an upgrade, and whether it is true after it."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import MismatchError
from runbook.domain.recovery import Canary
from runbook.domain.upgrade import Before, Kept, Upgrade, choose_upgrade, compare, why_not_upgraded
from runbook.remote.turns import settle
from runbook.remote.upgrade_record import note_before, note_upgraded, unfinished_upgrade
from tasks.policy import step


@step("what was true before an upgrade that was cut short")
def recall_before(cluster: ClusterConnection) -> Before | None:
    """Return what is on record of an unfinished upgrade to the wanted version, None if there is none.

    Nor if nothing of that upgrade is there: then it is noted anew, because the registry may have been restored since.
    """
    before = _recorded(cluster)
    if before is None:
        return None
    decided = choose_upgrade(settle(cluster.observe, cluster.name), cluster.version, before)
    return before if decided.begun else None


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


@step("compare with what was before")
def compare_with_before(cluster: ClusterConnection, before: Before) -> Kept:
    """Return how the registry differs from what it was; MismatchError if it is not healthy in the wanted version."""
    seen = cluster.observe()
    if reason := why_not_upgraded(seen, cluster.version, ()):
        raise MismatchError(cluster.name, reason, "see `runbook check`, then run the upgrade again")
    with cluster.admin as admin:
        kept = compare(before, seen, admin.settings().all, admin.crons())
    for said in (*kept.lost, *kept.otherwise):
        get_run_logger().warning("%s: after the upgrade %s", cluster.name, said)
    return kept


@step("nothing else has changed")
def close_upgrade(cluster: ClusterConnection, kept: Kept, accept: bool) -> None:
    """Leave no upgrade on record, nothing being lost, or a person accepting what is.

    MismatchError names what is lost, and the record stays: a second run compares again.
    """
    if kept.lost and not accept:
        what = f"it runs {cluster.version}, and is not as before: {'; '.join(kept.lost)}"
        raise MismatchError(cluster.name, what, _LOOK)
    if _recorded(cluster):
        note_upgraded(cluster.vault, cluster.name)


def _recorded(cluster: ClusterConnection) -> Before | None:
    return unfinished_upgrade(cluster.vault, cluster.name, cluster.identity, cluster.version)


_LOOK = (
    "set it right in the registry's UI, then run the upgrade again: it compares once more; "
    "if it was changed on purpose, run it with --accept-differences"
)
