"""Two checkouts on one machine: their labs do not meet, and one going down leaves the other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import commands
from lab.paths import ROOT
from lab.topology import LABEL, prefix_of

pytestmark = pytest.mark.integration
_NOT_COPIED = shutil.ignore_patterns("var", ".venv", ".git", "__pycache__", ".*_cache")


@pytest.fixture(scope="module")
def second(tmp_path_factory) -> Path:
    checkout = tmp_path_factory.mktemp("second") / "checkout"
    shutil.copytree(ROOT, checkout, ignore=_NOT_COPIED)
    yield checkout
    run_in(checkout, "down")


def run_in(checkout: Path, *arguments: str) -> str:
    others = {name: value for name, value in os.environ.items() if name != "RUNBOOK_LAB"}
    environment = {**others, "PYTHONPATH": f"{checkout}:{checkout / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        check=False,
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_second_lab_comes_up_beside_the_first_and_goes_without_a_trace(lab_cluster, second):
    run_in(second, "up")
    status = json.loads(run_in(second, "status", "--json"))
    assert status["ready"]
    assert commands.status().ready
    with commands.open_lab() as first:
        assert status["subnet"] != first.topology.subnet
        run_in(second, "down")
        mine = {"label": f"{LABEL}={prefix_of(second)}"}
        assert first.client.containers.list(all=True, filters=mine) == []
        assert first.client.networks.list(filters=mine) == []
        assert first.client.volumes.list(filters=mine) == []
    assert processes_below(second) == []
    assert not (second / "var" / "lab" / "secrets").exists()
    assert commands.status().ready


def processes_below(checkout: Path) -> list[str]:
    """Return the command lines of all processes that work in the checkout."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                folder = (entry / "cwd").resolve(strict=True)
            except OSError:
                continue
            if folder.is_relative_to(checkout):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found
