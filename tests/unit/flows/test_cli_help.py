import pytest
from typer.testing import CliRunner

from flows.cli import app


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("points export", "Its id or an unambiguous beginning"),
        ("points show", "Its id or an unambiguous beginning"),
        ("blocks push", "Cluster file (*.yaml)"),
        ("scale-out", "left out: what the cluster file says"),
        ("restore", "Its id or beginning; left out: the newest verified"),
        ("points verify", "implies --mode sample"),
        ("remove", "touch nothing: as --plan"),
    ],
)
def test_help_says_what_to_give(command: str, words: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert words in shown.stdout
