"""A person approves a plan: in the Prefect UI, or by a flow parameter for runs from the command line."""

from typing import Self

from prefect import suspend_flow_run
from prefect.context import FlowRunContext
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import BaseModel, Field, ValidationError

from blocks.problems import problems_in
from flows.run import Run
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.plans import Plan

EXPIRES_AFTER = 3600
"""Seconds after which a suspended run fails: the world has moved on, look again."""


class Approval(BaseModel):
    """Who approved which plan; `cluster` is typed by that person."""

    cluster: str = Field(description="Type the cluster's name")
    approver: str = Field(min_length=2, description="Your name")
    reason: str = Field(min_length=3, description="Why: incident, ticket, drill")


class GivenApproval(Approval):
    """An approval given beforehand, bound to the plan that was shown."""

    plan_digest: str

    @classmethod
    def of(cls, plan: Plan, **typed: str) -> Self:
        """Return the approval of `plan` as a person typed it; InvalidConfigError names every field that is wrong."""
        try:
            return cls(plan_digest=plan.digest(), **typed)
        except ValidationError as exc:
            raise InvalidConfigError(
                f"approval of {plan.cluster}",
                "; ".join(problems_in(exc, whole="approval")),
                "nothing was touched; approve again with your whole name and a reason",
            ) from exc


class _ApprovalForm(Approval, RunInput):
    """The form behind the Resume button."""


def require_approval(run: Run, plan: Plan, given: GivenApproval | None) -> Approval:
    """Return the approval of exactly this plan, asking in the UI when none was given.

    While it waits, no process runs; on resume the flow looks again from its first step, and a plan that
    has changed since is asked for anew. Raises RefusedError for another cluster's name or another plan.
    """
    if given is None:
        key = _key(plan)
        run.report.state = "waiting for approval"
        form = _ApprovalForm.with_initial_data(description=run.report.to_markdown())
        approval: Approval = suspend_flow_run(wait_for_input=form, timeout=EXPIRES_AFTER, key=key)
    else:
        approval = _check_digest(given, plan)
    if approval.cluster != plan.cluster:
        raise RefusedError(
            plan.cluster,
            f"the approval was typed for {approval.cluster!r}",
            "start again and type the name of the cluster that is to be restored",
        )
    run.report.state = "running"
    run.report.notes.append(f"approved by {approval.approver}: {approval.reason} (plan {plan.digest()})")
    return approval


def was_shown(plan: Plan, given: GivenApproval | None) -> bool:
    """Tell whether this very plan was shown before: to who gave the approval, or by this run when it suspended."""
    if given is not None:
        return True  # an approval of another plan is refused
    context = FlowRunContext.get()
    seen = context.flow_run.empirical_policy.pause_keys if context and context.flow_run else None
    return _key(plan) in (seen or ())


def require_same_plan(now: Plan, approved: Plan) -> None:
    """Return if what would be done now is what was approved; else RefusedError."""
    if now.digest() != approved.digest():
        raise RefusedError(
            now.cluster,
            f"the world has changed since plan {approved.digest()} was approved; the plan is now {now.digest()}",
            "nothing was touched; start again, look at the new plan and approve that",
        )


def _key(plan: Plan) -> str:
    return f"{plan.flow}-{plan.digest()}-{flow_run.get_run_count()}"


def _check_digest(given: GivenApproval, plan: Plan) -> Approval:
    if given.plan_digest != plan.digest():
        raise RefusedError(
            plan.cluster,
            f"plan {given.plan_digest} was approved and the plan is now {plan.digest()}",
            "look at the new plan with --plan and approve it",
        )
    return given
