from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import ValidationError

from flows.approval import GivenApproval, require_approval, require_same_plan
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


def test_a_plan_that_changed_after_its_approval_is_not_carried_out() -> None:
    changed = Plan("restore", "prod", ())
    require_same_plan(PLAN, PLAN)
    with pytest.raises(RefusedError, match="the world has changed since plan"):
        require_same_plan(changed, PLAN)
