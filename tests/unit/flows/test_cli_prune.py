import json
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli, cli_points, cli_prune
from flows.prune import prune
from lab.paths import ROOT
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.recovery import MANIFEST, part_key
from runbook.domain.report import Report
from runbook.remote.pins import pin, read_pins
from tests.e2e.test_docs import commands_of, why_not_shown
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.many_points import confirmed, points_of


@pytest.fixture
def command(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `runbook points …` on the cluster."""

    def called(name: str, **options: Any) -> Report:
        return prune.fn(name, **options)

    cluster.close = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(cli_prune, "prune", called)
    monkeypatch.setattr(cli_points, "load_cluster", lambda _name: cluster)
    monkeypatch.setattr(cli_points, "ClusterConnection", lambda _settings: cluster)
    return lambda *arguments: CliRunner().invoke(
        cli.app, ["points", *arguments, "--cluster", "lab"], env={"COLUMNS": "200"}
    )


def test_json_shows_the_plan_alone_and_removes_nothing(cluster: FakeCluster, command: Any) -> None:
    ids = confirmed(cluster)
    shown = json.loads(command("prune", "--json").stdout)
    assert [step["action"] for step in shown["steps"]] == ["keep", "keep", "remove", "remove", "remove"]
    assert points_of(cluster) == ids


@pytest.mark.parametrize("other", ["--plan", "--json"])
def test_to_remove_and_only_to_show_are_not_asked_for_at_once(command: Any, other: str) -> None:
    assert isinstance(command("prune", "--confirm", other).exception, InvalidConfigError)


def test_confirm_and_most_reach_the_flow(cluster: FakeCluster, command: Any) -> None:
    ids = points_of(cluster)
    cluster.settings.vault.retention.most_at_once = 1
    assert isinstance(command("prune", "--confirm").exception, RefusedError)
    assert command("prune", "--confirm", "--most", "2").exit_code == 0
    assert points_of(cluster) == ids[:2]


def test_a_point_is_pinned_shown_and_unpinned_though_it_is_gone(cluster: FakeCluster, command: Any) -> None:
    oldest = points_of(cluster)[-1]
    assert (
        f"recovery point {oldest}: pinned (Ada: audit)"
        in command("pin", oldest, "--reason", "Ada: audit").stdout
    )
    assert read_pins(cluster.vault, "lab") == {oldest: "Ada: audit"}
    assert "verified, pinned" in command("list").stdout
    cluster.vault.delete(part_key("lab", oldest, MANIFEST))
    assert command("unpin", oldest[:10]).exit_code == 0
    assert read_pins(cluster.vault, "lab") == {}


def test_only_a_pin_that_is_there_can_be_taken_away(cluster: FakeCluster, command: Any) -> None:
    pin(cluster.vault, "lab", points_of(cluster)[0], "Ada")
    assert isinstance(command("unpin", points_of(cluster)[1]).exception, RefusedError)


def test_the_operator_page_shows_what_the_commands_print(cluster: FakeCluster, command: Any) -> None:
    page = (ROOT / "docs" / "retention.md").read_text(encoding="utf-8")
    oldest = points_of(cluster)[-1]
    for shown in commands_of(page):
        assert shown.line.startswith("runbook points ")
        assert shown.line.endswith(' --cluster "$CLUSTER"')
        line = shown.line.removesuffix(' --cluster "$CLUSTER"').replace("20261120", oldest)
        done = command(*shlex.split(line)[2:])
        assert done.exit_code == 0, done.output
        assert why_not_shown(shown.shown, done.stdout) is None, done.stdout
    assert len(points_of(cluster)) == 2
