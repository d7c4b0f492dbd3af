"""verify: the recovery points of the vault, held against their catalogue by a look, a share of their bytes, or all."""

from prefect import flow

from flows.run import Run
from runbook.domain.errors import InvalidConfigError
from runbook.domain.report import Report
from runbook.domain.sampling import Budget, budget_of
from runbook.domain.verification import Mode
from tasks.verification import as_findings, judge_vault, verify_points

VAULT_MODES = (Mode.QUICK, Mode.SAMPLE, Mode.FULL)


@flow(name="verify", flow_run_name="verify {cluster}")
def verify(
    cluster: str,
    mode: str = "sample",
    percent: float | None = None,
    max_bytes: int | None = None,
    minutes: float | None = None,
) -> Report:
    """Look at every recovery point; fail, when something is wrong, after the report was left.

    `mode` is quick, sample or full; the share of a sample is given in percent, bytes or minutes. It needs the
    vault alone: neither the registry nor its nodes are asked, and no lock is taken.
    """
    with Run("verify", cluster) as run:
        wanted, budget = request_of(mode, percent, max_bytes, minutes)
        verified = run.step(verify_points, wanted, budget)
        report = verified.result()
        run.report.notes += [report.sentence(), *report.notes]
        run.report.findings = as_findings(run.cluster.vault.where, report)
        run.step(judge_vault, verified)
    return run.report


def request_of(
    mode: str, percent: float | None, max_bytes: int | None, minutes: float | None
) -> tuple[Mode, Budget | None]:
    """Return the mode and the budget of an operator's words; InvalidConfigError where they do not fit together."""
    if mode not in VAULT_MODES:
        raise InvalidConfigError("--mode", f"{mode!r} is no mode", "give quick, sample or full")
    wanted = Mode(mode)
    if wanted is Mode.SAMPLE:
        return wanted, budget_of(percent, max_bytes, minutes)
    if (percent, max_bytes, minutes) != (None, None, None):
        raise InvalidConfigError(f"--mode {mode}", "it takes no share", "use --mode sample")
    return wanted, None
