import logging
import sys

import pytest

from flows.logs import leave_out_tracebacks, without_traceback
from runbook.domain.errors import RefusedError


@pytest.mark.parametrize(
    ("error", "told"),
    [(RefusedError("dtr1", "it is full", "make room"), False), (KeyError("replicas"), True)],
)
def test_only_a_bug_is_logged_with_its_traceback(error: Exception, told: bool) -> None:
    leave_out_tracebacks()
    logger = logging.getLogger("prefect.flow_runs")
    try:
        raise error
    except type(error):
        record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert logger.filter(record)
    assert bool(record.exc_info) is told


def test_an_operators_problem_is_logged_in_its_words_and_not_as_python_shows_it() -> None:
    error = RefusedError("dtr1", "it is full", "make room")
    info = (type(error), error, None)
    record = logging.makeLogRecord({"msg": "Encountered exception: %r", "args": (error,), "exc_info": info})
    assert without_traceback(record)
    assert record.getMessage() == "Encountered exception: dtr1: it is full\nNext: make room"
