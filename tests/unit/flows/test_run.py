import pytest
from prefect.exceptions import Pause

from flows import run as run_module
from flows.run import Run
from runbook.domain.errors import RefusedError
from tests.fakes.cluster_connection import EXAMPLE


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reports that runs have left at the server."""
    texts: list[str] = []
    monkeypatch.setattr(run_module, "publish_report", lambda _flow, _cluster, text, **_: texts.append(text))
    return texts


def run_that(ends_with: BaseException | None) -> None:
    with Run("restore", str(EXAMPLE)):
        if ends_with:
            raise ends_with


def test_a_run_that_ends_well_leaves_one_report(published: list[str]) -> None:
    run_that(ends_with=None)
    (text,) = published
    assert "**completed**" in text


def test_a_run_that_fails_leaves_one_report_with_the_error(published: list[str]) -> None:
    with pytest.raises(RefusedError):
        run_that(ends_with=RefusedError("dtr1", "it is not needed", "see check"))
    (text,) = published
    assert "dtr1: it is not needed" in text


def test_a_run_that_waits_for_approval_leaves_none_yet(published: list[str]) -> None:
    with pytest.raises(Pause):
        run_that(ends_with=Pause())
    assert published == []
