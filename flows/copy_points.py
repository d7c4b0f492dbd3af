"""copy: recovery points once more in other vaults, each verified there before it counts."""

from collections.abc import Iterable, Sequence

from prefect import flow
from prefect.futures import PrefectFuture

from flows.run import Run
from runbook.domain.errors import InvalidConfigError, MismatchError, RunbookError
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.recovery import Manifest
from runbook.domain.report import Report
from runbook.domain.second_copy import Wish, one_error
from tasks.copies import choose_points, copy_blobs, copy_parts, look_at_copy, publish_copy, verify_copy

Chosen = PrefectFuture[tuple[Manifest, ...]]


@flow(name="copy", flow_run_name="copy {cluster}")
def copy_points(
    cluster: str,
    point: str | None = None,
    to: str | None = None,
    every: bool = False,
    plan_only: bool = False,
) -> Report:
    """Leave the newest verified point (or `point`, or `every` verified one) in the copy `to`, or in all copies.

    Only vaults are needed, neither the registry nor a node. A copy that cannot be reached does not keep the others
    from being filled; the run fails at its end. `plan_only` shows what would be done and touches nothing.
    """
    with Run("copy", cluster) as run:
        names = _names(run, to)
        if not names:
            run.report.notes.append("no copies are configured under vault.copies: nothing to do")
            return run.report
        wish = Wish(point, every)
        chosen = run.step(choose_points, wish)
        planned, errors = _look(run, names, chosen, wish)
        if plan_only:
            steps = tuple(step for of_copy in planned.values() for step in of_copy)
            run.report.plan = Plan("copy", run.cluster.name, steps)
        else:
            errors += [e for name, steps in planned.items() for e in _fill(run, name, chosen, steps)]
        if error := one_error(errors):
            raise error
        return run.report.planned() if plan_only else run.report


def _names(run: Run, to: str | None) -> list[str]:
    names = [copy.name for copy in run.cluster.settings.vault.copies]
    if to is None or to in names:
        return names if to is None else [to]
    known = f"; it names {', '.join(names)}" if names else ""
    raise InvalidConfigError(
        "vault.copies", f"it names no copy {to}{known}", "correct --to, or the cluster file"
    )


def _look(
    run: Run, names: Iterable[str], chosen: Chosen, wish: Wish
) -> tuple[dict[str, tuple[Step, ...]], list[RunbookError]]:
    """Return what each copy that answers needs, and why others do not answer."""
    planned: dict[str, tuple[Step, ...]] = {}
    errors: list[RunbookError] = []
    for name in names:
        try:
            planned[name] = run.step(look_at_copy, name, chosen, wish, after=[chosen]).result()
        except RunbookError as error:
            errors.append(error)
    return planned, errors


def _fill(run: Run, name: str, chosen: Chosen, steps: Sequence[Step]) -> list[RunbookError]:
    """Carry out the steps of one copy, and return what went wrong; a point that is damaged keeps no other out."""
    damaged: list[RunbookError] = []
    for manifest, step in zip(chosen.result(), steps, strict=True):
        if step.action is Action.KEEP:
            run.report.did.append(step)
            continue
        try:
            run.report.did.append(_copy(run, name, manifest))
        except MismatchError as error:
            damaged.append(error)
        except RunbookError as error:
            return [*damaged, error]
    return damaged


def _copy(run: Run, name: str, manifest: Manifest) -> Step:
    blobs = run.step(copy_blobs, name, manifest)
    parts = run.step(copy_parts, name, manifest, after=[blobs])
    verified = run.step(verify_copy, name, manifest, after=[parts])
    return run.step(publish_copy, name, manifest, blobs, after=[verified]).result()
