"""What a run's log leaves out: the way by which an operator's problem came up."""

import logging

from runbook.domain.errors import RunbookError


def without_traceback(record: logging.LogRecord) -> bool:
    """Keep every record; one that tells of a RunbookError does it in its words, a bug keeps its traceback."""
    if record.exc_info and isinstance(error := record.exc_info[1], RunbookError):
        record.msg, record.args = record.getMessage().replace(repr(error), str(error)), ()
        record.exc_info = None
    return True


def leave_out_tracebacks() -> None:
    """Leave Prefect's run loggers without tracebacks of errors that say themselves what to do."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(without_traceback)
