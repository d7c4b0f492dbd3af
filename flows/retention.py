"""Old recovery points, step by step: used by backup, and by prune when a person starts it."""

from flows.run import After, Run
from runbook.domain.retention import RetentionPlan
from runbook.remote.locks import HeldLock
from tasks.retention import choose_expired, remove_expired


def apply_retention(run: Run, lock: HeldLock, after: After = ()) -> None:
    """Leave the vault without what no rule keeps; where the policy is not confirmed, only say what would go."""
    chosen = run.step(choose_expired, after=after)
    planned: RetentionPlan = chosen.result()
    run.report.notes.append(planned.sentence())
    if not run.cluster.settings.vault.retention.confirmed:
        run.report.notes.append("retention is not confirmed in the cluster file: nothing was removed")
    elif not planned.refusal:
        run.report.did += run.step(remove_expired, planned.removed, lock, after=[chosen]).result()
