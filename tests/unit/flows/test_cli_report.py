import pickle

import pytest

from flows import cli
from flows.cli_report import show
from runbook.domain.errors import RefusedError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.report import Report

LONG = "registry.images.archive /srv/images/a-folder-with-a-name/msr-images-2.9.29.tar.gz"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_long_name_is_folded_and_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = Finding(Level.BLOCKS, LONG, "it does not hold mirantis/dtr:2.9.29", "save it again")
    show(Report("check", "lab", "brave-otter", findings=(blocks,)))
    shown = capsys.readouterr().out
    assert "…" not in shown
    first_column = "".join(line[1:].split("  ")[0].strip() for line in shown.splitlines())
    assert LONG.rpartition(" ")[2] in first_column


def test_a_refused_preflight_shows_what_is_wrong_once_per_fault_and_then_its_two_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        error = RefusedError("check", "2 findings block: …", "act on them")
        full = (Finding(Level.BLOCKS, f"dtr{n}", "its disk is full", "free some") for n in (1, 2))
        error.findings = (ok("dtr3", "all is well"), *full)
        raise pickle.loads(pickle.dumps(error))  # noqa: S301  # as it comes out of a process of its own

    monkeypatch.setattr(cli, "app", refuse)
    with pytest.raises(SystemExit):
        cli.run()
    said = capsys.readouterr()
    assert said.out == ""
    assert "dtr1, dtr2  blocks  its disk is full  free some" in said.err
    assert "all is well" not in said.err
    assert said.err.endswith("check: 2 findings block: …\nNext: act on them\n")
