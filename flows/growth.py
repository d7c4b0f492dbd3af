"""One replica after another: used by scale-out, and by restore once the first replica lives."""

from flows.run import After, Run
from runbook.domain.plans import Action
from tasks.load_balancer import ensure_pool
from tasks.replicas import choose_joins, ensure_replica_on, verify_replicas


def grow(run: Run, wanted: int, after: After = ()) -> After:
    """Leave the cluster with `wanted` replicas, each healthy and counted before the next is joined."""
    planned = run.step(choose_joins, wanted, after=after)
    last: After = [planned]
    for step in planned.result():
        if step.action is Action.KEEP:
            run.report.did.append(step)
            continue
        joined = run.step(ensure_replica_on, step.where, after=last)
        pool = run.step(ensure_pool, after=[joined])
        run.report.did += [joined.result(), pool.result()]
        last = [pool]
    counted = run.step(verify_replicas, wanted, after=last)
    run.report.notes.append(counted.result().summary())
    return [counted]
