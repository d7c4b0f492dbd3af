from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli, cli_replicas
from runbook.domain.report import Report


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the flows were asked for."""
    calls: list[dict[str, Any]] = []
    for name in ("remove", "repair", "replace"):

        def flow(*given: str, name: str = name, **options: Any) -> Report:
            calls.append({"flow": name, "given": given, **options})
            return Report(name, "prod", "brave-otter")

        monkeypatch.setattr(cli_replicas, name, flow)
    return calls


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["remove", "--replicas", "3"], {"flow": "remove", "given": ("f",), "replicas": 3, "named": []}),
        (
            ["remove", "--node", "dtr4", "--replica", "aaaaaaaaaaaa"],
            {"flow": "remove", "given": ("f",), "replicas": None, "named": ["dtr4", "aaaaaaaaaaaa"]},
        ),
        (["repair"], {"flow": "repair", "given": ("f",)}),
        (["replace", "dtr2", "dtr4"], {"flow": "replace", "given": ("f", "dtr2", "dtr4")}),
    ],
)
@pytest.mark.parametrize("shown", ["--plan", "--json"])
def test_what_is_typed_reaches_the_flow(
    arguments: list[str], options: dict[str, Any], shown: str, asked: list[dict[str, Any]]
) -> None:
    result = CliRunner().invoke(cli.app, [*arguments, "--cluster", "f", shown])
    assert result.exit_code == 0, result.output
    assert asked == [options | {"plan_only": True}]
