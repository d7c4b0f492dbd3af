import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from flows import cli, cli_check, cli_options, cli_upgrade
from runbook.domain.errors import (
    InvalidConfigError,
    LockedError,
    MismatchError,
    NotReadyError,
    RefusedError,
    RunbookError,
    UnreachableError,
)
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.report import Report

PLAN = Plan("backup", "prod", (Step(Action.BACK_UP, "vault", "metadata", "it is night"),))


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (InvalidConfigError, 2),
        (RefusedError, 3),
        (UnreachableError, 4),
        (NotReadyError, 5),
        (MismatchError, 6),
        (LockedError, 7),
    ],
)
def test_each_kind_of_error_prints_its_two_lines_and_ends_with_its_status(
    kind: type[RunbookError], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise kind("dtr1", "it does not answer", "start it")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == status
    assert capsys.readouterr().err == "dtr1: it does not answer\nNext: start it\n"


def test_a_bug_is_told_apart_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise KeyError("replicas")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.run()
    assert ended.value.code == 1
    assert "this is a bug, report it" in capsys.readouterr().err


@pytest.fixture
def plans_a_backup(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, object]]]:
    calls: list[dict[str, object]] = []

    def backup(cluster: str, plan_only: bool) -> Report:
        calls.append({"cluster": cluster, "plan_only": plan_only})
        return Report("backup", cluster, "brave-otter", plan=PLAN)

    monkeypatch.setattr(cli, "backup", backup)
    return lambda: calls


@pytest.mark.parametrize("given", [["--json"], ["--plan", "--json"]])
def test_json_prints_nothing_but_the_plan_and_touches_nothing(
    given: list[str], plans_a_backup: Callable[[], list[dict[str, object]]]
) -> None:
    result = CliRunner().invoke(cli.app, ["backup", "--cluster", "prod", *given])
    assert plans_a_backup() == [{"cluster": "prod", "plan_only": True}]
    assert json.loads(result.stdout)["steps"][0]["action"] == "back up"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (cli, "install"),
        (cli, "scale-out"),
        (cli, "release-hold"),
        (cli, "restore"),
        (cli_upgrade, "upgrade"),
    ],
)
def test_json_alone_only_plans(module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[object] = []

    def flow(cluster: str, *, plan_only: bool, **_: object) -> Report:
        planned.append(plan_only)
        return Report(name, cluster, "brave-otter", plan=PLAN)

    monkeypatch.setattr(module, name.replace("-", "_"), flow)
    result = CliRunner().invoke(cli.app, [name, "--cluster", "prod", "--json"])
    assert json.loads(result.stdout)["steps"]
    assert planned == [True]


def test_a_mistake_in_the_cluster_file_is_told_before_any_server_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans_a_backup: Callable[[], list[dict[str, object]]]
) -> None:
    looked_for: list[str] = []
    monkeypatch.setattr(cli_options, "server_or_none", lambda: looked_for.append("server"))
    file = tmp_path / "prod.yaml"
    file.write_text("the-name: prod\n", encoding="utf-8")
    for given in (file, tmp_path / "absent.yaml"):
        result = CliRunner().invoke(cli.app, ["backup", "--cluster", str(given)])
        assert isinstance(result.exception, InvalidConfigError)
    assert (looked_for, plans_a_backup()) == ([], [])


def test_a_command_runs_while_the_server_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[str] = []

    @contextmanager
    def server() -> Iterator[None]:
        moments.append("server")
        yield
        moments.append("gone")

    def backup(cluster: str, **_: object) -> Report:
        moments.append("backup")
        return Report("backup", cluster, "brave-otter", plan=PLAN)

    monkeypatch.setattr(cli_options, "server_or_none", server)
    monkeypatch.setattr(cli, "backup", backup)
    assert CliRunner().invoke(cli.app, ["backup", "--cluster", "prod"]).exit_code == 0
    assert moments == ["server", "backup", "gone"]


@pytest.mark.parametrize("arguments", [[], ["--plan"]])
def test_a_check_is_the_same_with_plan(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def check(cluster: str, fail_if_blocked: bool) -> Report:
        return Report("check", cluster, "brave-otter", findings=(ok("dtr1", f"fine {fail_if_blocked}"),))

    monkeypatch.setattr(cli_check, "check", check)
    result = CliRunner().invoke(cli.app, ["check", "--cluster", "prod", *arguments])
    assert result.exit_code == 0
    assert "fine False" in result.stdout


def test_a_check_as_json_prints_nothing_but_its_findings_and_fails_with_what_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = Finding(Level.BLOCKS, "dtr2", "is down", "start it", UnreachableError)

    def check(cluster: str, fail_if_blocked: bool) -> Report:
        return Report("check", cluster, "brave-otter", findings=(ok("dtr1", "is fine"), blocks))

    monkeypatch.setattr(cli_check, "check", check)
    result = CliRunner().invoke(cli.app, ["check", "--cluster", "prod", "--json"])
    assert type(result.exception) is UnreachableError
    assert json.loads(result.stdout) == {
        "findings": [
            {"level": "ok", "where": "dtr1", "what": "is fine", "next": ""},
            {"level": "blocks", "where": "dtr2", "what": "is down", "next": "start it"},
        ]
    }


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ([], RefusedError, "prod: nobody approved the plan"),
        (["--approve", "A"], InvalidConfigError, "approval of prod: approver: String should have at least 2"),
    ],
    ids=["without a terminal", "with one letter"],
)
def test_a_restore_needs_the_name_of_who_approves_it(
    arguments: list[str], kind: type[RunbookError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def restore(cluster: str, **options: object) -> Report:
        asked.append(options)
        return Report("restore", cluster, "brave-otter", plan=PLAN)

    monkeypatch.setattr(cli, "restore", restore)
    result = CliRunner().invoke(cli.app, ["restore", "--cluster", "prod", *arguments])
    assert type(result.exception) is kind
    assert str(result.exception).startswith(words)
    assert len(asked) == 1


def test_a_cluster_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["blocks", "push", str(tmp_path / "absent.yaml")])
    assert isinstance(result.exception, InvalidConfigError)
