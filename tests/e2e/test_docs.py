"""The operator pages are true: their `console` blocks are run in the lab, page after page, as they stand.

A line that begins with `$ ` is a command and must end with 0. The lines below it must appear in its output, in
their order; a line `…` stands for any other lines. Numbers and ids may differ.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.paths import ROOT
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.e2e
PAGES = ("install", "scale-out", "repair", "backup", "verify", "check", "upgrade", "restore")
"""In the order of a registry's life: each page begins where the one before it ended."""
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}|\b[0-9a-f]{12}\b|\d+")


@dataclass
class Command:
    """One command of a page, and the lines that the page shows below it."""

    line: str
    shown: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def environment(
    lab_cluster: LabCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The environment of an operator without a Prefect server, beside a lab without a registry."""
    lab_cluster.reset()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    yield kept | {
        "CLUSTER": str(lab_cluster.file.relative_to(ROOT)),
        "COLUMNS": "80",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
    }
    lab_cluster.reset()


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_shows(page: str, environment: Mapping[str, str]) -> None:
    commands = list(commands_of((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))
    assert commands
    for command in commands:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.line],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        said = f"$ {command.line}\n{done.stdout}"
        assert done.returncode == 0, said
        assert why_not_shown(command.shown, done.stdout) is None, said


def commands_of(page: str) -> Iterator[Command]:
    """Yield the commands of a page's `console` blocks."""
    for block in BLOCK.findall(page):
        command: Command | None = None
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command
                command = Command(line.removeprefix("$ "))
            else:
                assert command, f"a console block begins with {line!r} and not with a command"
                command.shown.append(line)
        if command:
            yield command


def why_not_shown(shown: list[str], output: str) -> str | None:
    """Say which shown line the rest of the output lacks, None when all are there in their order."""
    rest = iter([alike(line) for line in output.splitlines()])
    missing = [line for line in shown if line != "…" and not any(alike(line) in seen for seen in rest)]
    return f"not in the output: {missing[0]!r}" if missing else None


def alike(line: str) -> str:
    """Return the line without what differs from run to run."""
    return " ".join(VARIES.sub("#", line).split())
