"""Old recovery points, step by step: used by backup, and by prune when a person starts it."""

import logging

from flows.run import After, Run
from runbook.domain.errors import RunbookError
from runbook.domain.plans import Action, Step
from runbook.domain.retention import RetentionPlan
from runbook.remote.locks import HeldLock
from tasks.retention import choose_expired, read_needed, remove_expired, sweep_unneeded

logger = logging.getLogger(f"runbook.{__name__}")
PUBLISHED = "the recovery point is published"


def prune_vault(run: Run, lock: HeldLock, most_at_once: int | None = None, after: After = ()) -> None:
    """Leave the vault without the points that no rule keeps and the image data that nothing needs.

    What stays is read first, so that a refusal comes before anything is removed; then the points, one by one,
    then the image data.
    """
    chosen = run.step(choose_expired, most_at_once, False, after=after)
    planned: RetentionPlan = chosen.result()
    run.report.notes.append(planned.sentence())
    planned.require_allowed(run.cluster.vault.where)
    needed = run.step(read_needed, planned, after=[chosen])
    last: After = [needed]
    for verdict in planned.going:
        removed = run.step(remove_expired, verdict, lock, after=last)
        run.report.did.append(removed.result())
        last = [removed]
    swept = run.step(sweep_unneeded, needed, lock, after=last)
    run.report.did.append(swept.result())


def prune_after_backup(run: Run, lock: HeldLock, after: After) -> str | None:
    """Apply retention as far as the cluster file confirms it; return None, or why it was not done in full.

    The recovery point is published by then, so what goes wrong here fails nothing: it is in the report, in the
    run's state and in the log as a warning, and the next run tries again.
    """
    retention = run.cluster.settings.vault.retention
    if not retention.has_rules:
        return None
    done = len(run.report.did)
    try:
        if retention.confirmed:
            prune_vault(run, lock, after=after)
        else:
            _say_what_would_go(run, after)
    except RunbookError as error:
        begun = "pruning is not finished" if len(run.report.did) > done else "nothing was pruned"
        return _not_done(run, f"{PUBLISHED}; {begun}: {error.where}: {error.what}", error.next_step)
    except Exception:
        run.report.notes.append(f"{PUBLISHED}; pruning failed")
        raise
    return None


def _say_what_would_go(run: Run, after: After) -> None:
    planned: RetentionPlan = run.step(choose_expired, after=after).result()
    run.report.notes += [planned.sentence(), NOT_CONFIRMED]


def _not_done(run: Run, what: str, next_step: str) -> str:
    run.report.notes.append(f"{what}. Next: {next_step}")
    run.report.state = f"completed; {PUBLISHED}, pruning is not done"
    logger.warning("%s: %s", run.cluster.name, what)
    return what


def steps_of(planned: RetentionPlan, where: str) -> tuple[Step, ...]:
    """Return what becomes of every point, and of the image data, as the steps of a plan."""
    points = (
        Step(Action.KEEP if v.keep else Action.REMOVE, v.id, v.what, v.because) for v in planned.verdicts
    )
    return *points, Step(Action.REMOVE, where, "image data", "what no point needs once its grace has ended")


def removals_to_come(run: Run) -> tuple[Step, ...]:
    """Return what will go once a backup has published its point; touches nothing."""
    retention = run.cluster.settings.vault.retention
    if not retention.has_rules:
        return ()
    planned: RetentionPlan = run.step(choose_expired, None, True, True).result()
    if planned.refusal:
        run.report.notes.append(f"nothing would be pruned: {planned.refusal.what}")
        return ()
    if not retention.confirmed:
        run.report.notes.append(NOT_CONFIRMED)
    going = [step for step in steps_of(planned, run.cluster.vault.where) if step.action is Action.REMOVE]
    return tuple(going) if retention.confirmed else tuple(_staying(step) for step in going)


def _staying(step: Step) -> Step:
    return Step(Action.KEEP, step.where, step.what, f"{step.reason}; it stays, retention is not confirmed")


NOT_CONFIRMED = (
    "retention is not confirmed, so nothing is removed: set `confirmed: true` under `vault.retention` in the "
    "cluster file, or run `runbook points prune --confirm`"
)
