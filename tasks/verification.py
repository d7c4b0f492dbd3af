"""The vault's recovery points, looked at against their catalogue; what was found stays on record."""

from datetime import UTC, datetime

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.errors import MismatchError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.sampling import Budget
from runbook.domain.vault_report import VaultReport
from runbook.domain.verification import Mode, first_of
from runbook.remote.needed_images import Place
from runbook.remote.vault_verify import verify_vault
from tasks.policy import step

SHOWN = 100
"""Findings that a report shows as rows."""


@step("verify the vault: {mode}")
def verify_points(cluster: ClusterConnection, mode: Mode, budget: Budget | None) -> VaultReport:
    """Return what is wrong with the recovery points of the vault, all of it; it is on record for `points list`."""
    place = Place(
        vault=cluster.vault_as(Role.VERIFIER),
        cluster=cluster.name,
        identity=lambda: cluster.identity,
        now=lambda: datetime.now(UTC),
        records=cluster.vault,
    )
    report = verify_vault(place, mode, budget)
    logger = get_run_logger()
    for note in report.notes:
        logger.info("%s", note)
    for damage in report.damages[:SHOWN]:
        logger.error("%s", damage.what)
    logger.info("%s: %s", cluster.vault.where, report.sentence())
    return report


@step("judge the vault", retries=0)
def judge_vault(cluster: ClusterConnection, report: VaultReport) -> None:
    """Return if nothing is wrong; else MismatchError with the first finding."""
    if not report.sound:
        raise why_not_sound(cluster.vault.where, report)


def why_not_sound(where: str, report: VaultReport) -> MismatchError:
    """Return the error for a vault in which something is wrong."""
    what = first_of(report.damages[0].what, report.found)
    return MismatchError(
        where, what, "see `runbook points list`, then docs/verify.md: what each finding means"
    )


def as_findings(where: str, report: VaultReport) -> tuple[Finding, ...]:
    """Return the rows for the run's report: what is wrong, or that nothing is."""
    rows = [
        Finding(Level.WARNING, where, d.what, "see docs/verify.md", MismatchError) for d in report.damages
    ]
    return tuple(rows[:SHOWN]) or (ok(where, report.sentence()),)
