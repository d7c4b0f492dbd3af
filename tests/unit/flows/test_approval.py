from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from prefect.client.schemas.objects import FlowRun, FlowRunPolicy
from prefect.context import FlowRunContext
from pydantic import ValidationError

from flows.approval import GivenApproval, require_approval, require_same_plan, was_shown
from flows.run import Run
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report

PLAN = Plan("restore", "prod", (Step(Action.DESTROY, "dtr1", "replica aaaaaaaaaaaa", "it is dead"),))


@pytest.fixture
def run() -> Run:
    return cast("Run", SimpleNamespace(report=Report("restore", "prod", "brave-otter")))


def given(cluster: str = "prod", digest: str = PLAN.digest()) -> GivenApproval:
    return GivenApproval(cluster=cluster, approver="Kim", reason="INC-1", plan_digest=digest)


def test_an_approval_of_this_plan_is_on_the_report_with_name_and_reason(run: Run) -> None:
    require_approval(run, PLAN, given())
    assert run.report.notes == [f"approved by Kim: INC-1 (plan {PLAN.digest()})"]


def test_an_approval_typed_for_another_cluster_is_refused(run: Run) -> None:
    with pytest.raises(RefusedError, match="the approval was typed for 'staging'"):
        require_approval(run, PLAN, given(cluster="staging"))
    assert run.report.notes == []


def test_an_approval_of_another_plan_is_refused(run: Run) -> None:
    with pytest.raises(RefusedError, match="plan 0123456789ab was approved and the plan is now"):
        require_approval(run, PLAN, given(digest="0123456789ab"))


def test_nobody_approves_without_a_name_and_a_reason() -> None:
    with pytest.raises(ValidationError):
        GivenApproval(cluster="prod", approver="", reason="", plan_digest=PLAN.digest())


def test_an_approval_with_too_little_in_it_is_refused_with_every_field_at_once() -> None:
    with pytest.raises(InvalidConfigError) as refused:
        GivenApproval.of(PLAN, cluster="prod", approver="A", reason="no")
    assert str(refused.value) == (
        "approval of prod: approver: String should have at least 2 characters; "
        "reason: String should have at least 3 characters\n"
        "Next: nothing was touched; approve again with your whole name and a reason"
    )


def test_an_approval_that_is_typed_whole_is_of_this_plan() -> None:
    assert GivenApproval.of(PLAN, cluster="prod", approver="Kim", reason="INC-1") == given()


@contextmanager
def run_that_suspended_for(*keys: str) -> Iterator[None]:
    """A flow run that goes on after it was suspended with these pause keys."""
    policy = FlowRunPolicy(pause_keys=set(keys))
    flow_run = FlowRun.model_construct(run_count=1, empirical_policy=policy)
    with FlowRunContext.model_construct(flow_run=flow_run):
        yield


def test_a_plan_was_shown_to_whoever_gave_an_approval_beforehand() -> None:
    assert was_shown(PLAN, given())


def test_a_plan_was_shown_when_this_run_was_suspended_for_it_and_no_other() -> None:
    assert not was_shown(PLAN, None)
    with run_that_suspended_for():
        assert not was_shown(PLAN, None)
    with run_that_suspended_for(f"restore-{PLAN.digest()}-1"):
        assert was_shown(PLAN, None)
        assert not was_shown(Plan("restore", "prod", ()), None)
    with run_that_suspended_for(f"restore-{PLAN.digest()}-0"):  # a run before it was retried
        assert not was_shown(PLAN, None)


def test_a_plan_that_changed_after_its_approval_is_not_carried_out() -> None:
    changed = Plan("restore", "prod", ())
    require_same_plan(PLAN, PLAN)
    with pytest.raises(RefusedError, match="the world has changed since plan"):
        require_same_plan(changed, PLAN)
