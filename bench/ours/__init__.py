"""Our side of each row, as a process: settings come as JSON on standard input, the last line out is JSON.

The clock runs from the settings to the answer: a flow's run has its imports before it takes a step.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

_clock: list[float] = []


def settings() -> dict[str, Any]:
    """Return what the row asks for, and start the clock."""
    asked: dict[str, Any] = json.load(sys.stdin)
    _clock.append(time.perf_counter())
    return asked


def tell(**said: object) -> None:
    """Tell the row what was seen, how long it took, and the most memory that this process ever had, in MiB."""
    measured = {"seconds": time.perf_counter() - _clock[0], "memory": _peak_memory()}
    sys.stdout.write(json.dumps(measured | said) + "\n")


def _peak_memory() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
