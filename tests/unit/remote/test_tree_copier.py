"""The one `tar` of a pass, on this machine."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote import tree_copier
from runbook.remote.arrivals import arrivals_at
from runbook.remote.copying import Wanted
from runbook.remote.machine import LocalCommand, LocalMachine
from runbook.remote.pace import unlimited
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.tree_copier import TreeCopier
from runbook.remote.vault import NotThereError
from runbook.remote.vault_file import FileVault
from tests.fakes.folder_tree import write_tree

WITHIN = 60


class Replacing(LocalMachine):
    """A machine on which another program stands for `tar`."""

    def __init__(self, program: str) -> None:
        self._program = program

    def start(self, argv: Sequence[str], **options: object) -> LocalCommand:
        return super().start(("sh", "-c", self._program), **options)  # type: ignore[arg-type]  # passed on


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    (tmp_path / "vault").mkdir()
    return FileVault(tmp_path / "vault")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "storage", {"a": b"one", "b": b"two", "-T": b"an option"})


def copier(vault: FileVault, folder: Path, machine: LocalMachine | None = None) -> TreeCopier:
    storage = TreeStorage(lambda: machine or LocalMachine(), lambda: str(folder), "node:/volume")
    return TreeCopier(storage, arrivals_at(vault, 4, unlimited))


def test_a_file_comes_when_it_is_waited_for_although_its_name_went_out_before(
    vault: FileVault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_copier, "_SEND_AT", 1)
    with copier(vault, folder) as bulk:
        for name, content in (("a", b"one"), ("-T", b"an option")):
            outcome = bulk.submit(Wanted(name, f"kept/{name}", len(content)))
            bulk.flush()
            outcome.result(WITHIN)
            assert vault.get_bytes(f"kept/{name}") == content


def test_a_file_that_is_gone_is_known_as_soon_as_the_next_one_comes(vault: FileVault, folder: Path) -> None:
    with copier(vault, folder) as bulk:
        gone, there = bulk.submit(Wanted("gone", "kept/gone", 3)), bulk.submit(Wanted("b", "kept/b", 3))
        bulk.flush()
        there.result(WITHIN)
        with pytest.raises(NotThereError):
            gone.result(0)


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("exit 66", UnreachableError, "its files arrive cut or damaged"),
        ("echo 'tar: disk: Input/output error' >&2; exit 2", UnreachableError, "Input/output error"),
        ("head -c 700 /dev/zero | tr '\\0' x", UnreachableError, "its files arrive cut or damaged"),
        ("head -c 10240 /dev/zero; echo 'tar: ./a: Read error' >&2; exit 2", RefusedError, "Read error"),
    ],
)
def test_a_stream_that_does_not_end_well_fails_everything_that_is_still_wanted(
    vault: FileVault, folder: Path, program: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), copier(vault, folder, Replacing(program)) as bulk:
        outcome = bulk.submit(Wanted("a", "kept/a", 3))
        bulk.flush()
        with pytest.raises(error, match=words):
            outcome.result(WITHIN)
    assert list(vault.list("")) == []


class Talking(LocalMachine):
    """A machine whose login shell says something before each command."""

    def start(self, argv: Sequence[str], **options: object) -> LocalCommand:
        talk = ("sh", "-c", 'echo "welcome: have a nice day" >&2; exec "$@"', "sh")
        return super().start((*talk, *argv), **options)  # type: ignore[arg-type]  # passed on


def test_what_a_login_shell_says_is_no_complaint(vault: FileVault, folder: Path) -> None:
    storage = TreeStorage(Talking, lambda: str(folder), "node:/volume")
    assert [seen.path for seen in storage.list_objects()] == ["-T", "a", "b"]
    with copier(vault, folder, Talking()) as bulk:
        bulk.submit(Wanted("a", "kept/a", 3))
    assert vault.get_bytes("kept/a") == b"one"


def test_a_folder_that_cannot_be_read_is_a_complaint(folder: Path) -> None:
    storage = TreeStorage(
        lambda: Replacing("echo \"find: './x': Permission denied\" >&2"), lambda: str(folder), "node:/volume"
    )
    with pytest.raises(RefusedError, match="Permission denied"):
        list(storage.list_objects())
