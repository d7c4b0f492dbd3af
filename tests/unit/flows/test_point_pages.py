"""The operator pages of what is done with recovery points are true: their commands are run on vaults alone."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli, cli_copies
from flows.copy_points import copy_points
from lab.paths import ROOT
from tests.fakes.direct_steps import direct_steps
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.published_points import TREE, publish_point
from tests.fakes.vault_site import VaultSite

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_of(page: str) -> list[list[str]]:
    """Return the arguments of every `runbook points` that the page shows."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    split = (shlex.split(line, comments=True) for line in lines)
    return [words[1:] for words in split if words[:2] == ["runbook", "points"]]


@pytest.mark.parametrize(("page", "count"), [("second-copy", 7), ("export", 1), ("vault", 2)])
def test_the_commands_of_a_page_end_well(
    page: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = VaultSite(tmp_path, ("offsite",))
    manifest = publish_point(site.vault(), MemoryStorage(TREE))
    monkeypatch.setattr(cli_copies, "copy_points", copy_points.fn)
    stands_for = {
        "$CLUSTER": str(site.file),
        "prod.yaml": str(site.file),
        "/mnt/plain/2026-11-22": str(tmp_path / "plain"),
        "file:/media/stick/escrow.txt": f"file:{tmp_path / 'identity'}",
    }

    def argument(word: str) -> str:
        return manifest.id if re.match(r"\d{8}T", word) else stands_for.get(word, word)

    commands = commands_of(page)
    assert len(commands) == count
    for words in commands:
        with direct_steps():
            done: Any = CliRunner().invoke(cli.app, [argument(word) for word in words])
        assert done.exit_code == 0, (words, done.output, done.exception)
