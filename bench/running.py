"""Running one side of a row in a process of its own, and what it took."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.paths import ROOT
from runbook.domain.errors import RefusedError

LIMIT = 3600.0
"""Seconds after which a side has failed."""


@dataclass(frozen=True)
class Took:
    """The seconds that count, those of the whole process from its start to its end, and what it said."""

    seconds: float
    whole: float
    said: Mapping[str, Any] = field(default_factory=dict)


def run(argv: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> Took:
    """Run a program to its end and return what it took; RefusedError where it fails."""
    started = time.perf_counter()
    try:
        done = subprocess.run(
            argv,
            env=_environment(environment or {}),
            input=stdin,
            capture_output=True,
            check=False,
            cwd=ROOT,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired as exc:
        raise RefusedError(argv[0], f"it did not end within {LIMIT:.0f} s", "measure again") from exc
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip()[-2000:]
        raise RefusedError(argv[0], f"it ended with status {done.returncode}: {words}", "measure again")
    return Took(seconds, seconds, _said(done.stdout))


def run_ours(side: str, settings: Mapping[str, Any]) -> Took:
    """Run a module of `bench.ours` in a Python of its own, whose start and imports are told apart."""
    took = run([sys.executable, "-m", f"bench.ours.{side}"], stdin=json.dumps(settings).encode())
    return Took(took.said["seconds"], took.whole, took.said)


def with_start(took: Took) -> str:
    """Return the note on the whole process of our side."""
    return f"ours with the start of Python and its imports {took.whole:.2f} s"


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's variables without those that lead S3 clients elsewhere, and `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | dict(more)


def _said(output: bytes) -> dict[str, Any]:
    """Return the JSON object on the last line, empty where there is none."""
    last = output.strip().rpartition(b"\n")[2]
    try:
        said = json.loads(last)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
