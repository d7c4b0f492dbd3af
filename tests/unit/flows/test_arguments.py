"""What is wrong with the arguments is told before the preflight looks at anything."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from flows.remove import remove
from flows.replace import replace
from flows.scale_out import scale_out
from runbook.domain.errors import InvalidConfigError, RefusedError, RunbookError
from tests.fakes.clusters import alive
from tests.fakes.member_cluster import member_cluster
from tests.fakes.runs import DirectRun

EITHER = "remove: give either how many replicas shall stay, or which ones shall go"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DirectRun]:
    """The run of any flow, on a cluster with the registry nodes dtr1 to dtr5."""
    run = DirectRun("a flow", member_cluster(tmp_path, alive(1), alive(2), alive(3)))
    for name in ("remove", "replace", "scale_out"):
        monkeypatch.setattr(f"flows.{name}.Run", lambda *_: run)
    with disable_run_logger():
        yield run


@pytest.mark.parametrize(
    ("start", "kind", "words"),
    [
        (lambda: scale_out.fn("f", replicas=4), RefusedError, "scale-out: 4 is even: it tolerates"),
        (
            lambda: scale_out.fn("f", replicas=7),
            RefusedError,
            "scale-out: 7 replicas are wanted and the cluster file has 5 registry nodes",
        ),
        (lambda: remove.fn("f"), InvalidConfigError, EITHER),
        (lambda: remove.fn("f", replicas=3, named=["dtr4"]), InvalidConfigError, EITHER),
        (lambda: remove.fn("f", replicas=2), RefusedError, "remove: 2 is even: it tolerates"),
        (
            lambda: replace.fn("f", "dtr1", "dtr9"),
            RefusedError,
            "dtr9: no replica can join there: it is no registry node of the cluster file\n"
            "Next: name one of dtr2, dtr3, dtr4, dtr5",
        ),
        (lambda: replace.fn("f", "dtr2", "dtr2"), InvalidConfigError, "replace: dtr2 cannot replace itself"),
    ],
)
def test_an_argument_that_can_only_be_wrong_is_told_before_anything_is_looked_at(
    start: Callable[[], Any], kind: type[RunbookError], words: str, run: DirectRun
) -> None:
    with pytest.raises(kind) as refused:
        start()
    assert type(refused.value) is kind
    assert str(refused.value).startswith(words)
    assert run.steps == []
