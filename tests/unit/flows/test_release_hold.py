from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.release_hold import plan_for
from runbook.domain.hold_lease import HoldSeen
from runbook.domain.holds import HoldRecord
from runbook.domain.plans import Action
from runbook.domain.report import Report

HELD = HoldRecord("run-1", {}, datetime(2026, 11, 22, 3, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("hold", "action", "words"),
    [
        (None, Action.KEEP, "it is not held"),
        (HoldSeen(HELD, "which lives: its lease runs"), Action.KEEP, "run-1, which lives"),
        (HoldSeen(HELD, None), Action.CONFIGURE, "run-1, which died"),
    ],
    ids=["none", "of a run that lives", "of a dead run"],
)
def test_only_the_hold_of_a_dead_run_is_released_and_the_plan_says_why(
    hold: HoldSeen | None, action: Action, words: str
) -> None:
    (step,) = plan_for("prod", hold).steps
    assert (step.where, step.action) == ("prod", action)
    assert words in step.reason


def test_it_is_a_command_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def release_hold(cluster: str, plan_only: bool) -> Report:
        return Report("release-hold", cluster, "brave-otter", plan=plan_for(cluster, None)).planned()

    monkeypatch.setattr(cli, "release_hold", release_hold)
    result = CliRunner().invoke(cli.app, ["release-hold", "--cluster", "prod", "--plan"])
    assert result.exit_code == 0
    assert "planned, nothing was touched" in result.stdout
