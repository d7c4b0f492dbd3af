"""Files on a share whose server is gone: nothing that touches them comes back, and nobody waits for it for ever."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from runbook.domain.errors import NotReadyError, UnreachableError
from runbook.remote.image_distribution import load_archive
from runbook.remote.machine import LocalCommand, LocalMachine
from runbook.remote.storage_probe import probe_files
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.tree_listing import has_files

SHORT = 0.2


class DeadShare(LocalMachine):
    """A machine on which every command hangs."""

    def start(self, _argv: Sequence[str], **options: object) -> LocalCommand:
        return super().start(("sleep", "600"), **options)  # type: ignore[arg-type]  # passed on


def test_a_look_for_any_file_ends_and_says_what_to_do() -> None:
    with pytest.raises(UnreachableError, match="node:/mnt: a look at its files did not end") as silent:
        has_files(DeadShare(), "/mnt", "node:/mnt", SHORT)
    assert "server is up" in silent.value.next_step


def test_a_file_that_cannot_be_written_for_silence_is_no_wait_for_ever() -> None:
    storage = TreeStorage(DeadShare, lambda: "/mnt", "node:/mnt")
    with pytest.raises(UnreachableError, match="node:/mnt: a look at its files did not end"):
        probe_files(storage, SHORT)


def test_an_engine_that_takes_no_more_of_an_archive_ends_the_load(tmp_path: Path) -> None:
    archive = tmp_path / "images.tar"
    archive.write_bytes(bytes(10_000_000))
    with pytest.raises(NotReadyError, match="dtr1: `docker load` of images.tar made no progress"):
        load_archive("dtr1", DeadShare(), archive, SHORT)
