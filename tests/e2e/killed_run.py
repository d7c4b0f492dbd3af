"""`runbook` that is ended by SIGKILL right after a step under the lock: `python -m tests.e2e.killed_run STEPS …`.

`STEPS` is a JSON list of the steps after which it was killed before; the first other one is its last.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture

from flows.__main__ import main
from flows.run import Run

LAST_WORDS = "killed after: "


def die_after_the_first_not_in(seen: list[str]) -> None:
    """Have the first step under the lock that is not among `seen` be the last of this process."""
    together = Run.together

    def and_die(
        run: Run, task: Task[..., Any], calls: Iterable[tuple[Any, ...]], after: Any = ()
    ) -> list[PrefectFuture[Any]]:
        done = together(run, task, calls, after)
        step = run.report.phases[-1].name.partition(" 20")[0]  # without the id of a recovery point
        if run._lock and step not in seen:
            sys.stderr.write(f"{LAST_WORDS}{step}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Run.together = and_die  # type: ignore[method-assign,assignment]  # the process is made for this


if __name__ == "__main__":
    die_after_the_first_not_in(json.loads(sys.argv.pop(1)))
    main()
