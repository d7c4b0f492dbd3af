"""One replica after another: comes, is healthy and counted, is in the pool; or leaves the pool, then the cluster."""

from flows.run import After, Run
from runbook.domain.changes import Changes, Removal
from runbook.domain.health import why_even
from runbook.domain.plans import Step
from tasks.leftovers import clear_leftover
from tasks.load_balancer import ensure_pool, plan_pool
from tasks.node_images import ensure_images, plan_images
from tasks.removal import ensure_removed
from tasks.replicas import choose_joins, ensure_replica_on, verify_replicas


def grow(run: Run, wanted: int, after: After = ()) -> After:
    """Leave the cluster with `wanted` replicas, each healthy and counted before the next is joined."""
    planned = run.step(choose_joins, wanted, after=after)
    return carry_out(run, planned.result(), wanted, after=[planned])


def carry_out(run: Run, changes: Changes, wanted: int, after: After) -> After:
    """Leave the changes done, one by one, and at least `wanted` replicas healthy and counted."""
    run.report.did += changes.keep
    last = _bring_images(run, changes, after)
    for left in changes.left:
        last = [run.step(clear_leftover, left, after=last)]
        run.report.did.append(left.step)
    for removal in changes.dead:
        last = _remove(run, removal, changes.dead_nodes, last)
    for joining in changes.joins:
        joined = run.step(ensure_replica_on, joining.node, after=last)
        pool = run.step(ensure_pool, after=[joined])
        run.report.did += [*joined.result(), pool.result()]
        last = [pool]
    for removal in changes.retired:
        last = _remove(run, removal, removal.node, last)
    if not changes.pooled:
        pool = run.step(ensure_pool, after=last)
        run.report.did.append(pool.result())
        last = [pool]
    counted = run.step(verify_replicas, wanted, after=last)
    seen = counted.result()
    run.report.notes.append(seen.summary())
    run.report.notes += [warning for warning in [why_even(len(seen.members))] if warning]
    return [counted]


def plan_changes(run: Run, changes: Changes, after: After = ()) -> tuple[Step, ...]:
    """Return every step of the changes, the images that a new replica's node still needs and the pool among them."""
    if not changes.pooled:
        return (*changes.steps, run.step(plan_pool, after=after).result())
    if not changes.joins:
        return changes.steps
    images = run.step(plan_images, *_images_of(run, changes), after=after).result()
    return (*images, *changes.steps)


def _bring_images(run: Run, changes: Changes, after: After) -> After:
    """Leave the images where a new replica comes, before anything goes: a node that gets none costs no replica."""
    if not changes.joins:
        return after
    images = run.step(ensure_images, *_images_of(run, changes), after=after)
    run.report.did += images.result()
    return [images]


def _images_of(run: Run, changes: Changes) -> tuple[str, tuple[str, ...]]:
    """Return the version, and the nodes that a new replica comes to."""
    return str(run.cluster.version), tuple(joining.node for joining in changes.joins)


def _remove(run: Run, removal: Removal, without: str, after: After) -> After:
    """Leave the pool, then the cluster, without one replica."""
    drained = run.step(ensure_pool, without, after=after)
    removed = run.step(ensure_removed, removal, after=[drained])
    run.report.did += [drained.result(), *removed.result()]
    return [removed]
