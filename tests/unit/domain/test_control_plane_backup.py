from dataclasses import replace

import pytest

from runbook.domain.control_plane_backup import (
    ControlPlaneArchive,
    failure,
    make_control_plane_backup_command,
    why_not_backed_up,
    why_not_whole,
)
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.recovery import StoredPart
from runbook.domain.versions import Version

WHOLE = ControlPlaneArchive("mirantis/ucp:3.7.12", StoredPart(1, "a", 2_000_000, "b"), 27, 227, True)
CONFLICT = (
    'Error response from daemon: Conflict. The container name "/ucp" is already in use by container "0123". You have'
    " to remove (or rename) that container to be able to reuse that name"
)
TAKEN = "a container of lab/ucp:3.2.6 could not be created: Conflict: The name ucp is already assigned."
LOCKED = "unable to back up: another backup is running"


def test_no_passphrase_stands_in_the_argument_list() -> None:
    assert make_control_plane_backup_command() == ("backup", "--no-passphrase")


def test_an_archive_with_as_many_entries_as_were_ever_seen_is_whole() -> None:
    assert why_not_whole(WHOLE) is None
    assert WHOLE.sentence() == (
        "users, organisations and teams: 27 entries, 2.0 MB, written by mirantis/ucp:3.7.12"
    )


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (replace(WHOLE, part=StoredPart(1, "a", 0, "b")), "the archive is empty"),
        (replace(WHOLE, ended_properly=False), "cut off after 2000000 bytes: its two end blocks are missing"),
        (
            replace(WHOLE, trouble=("bad checksum",), ended_properly=False),
            "no tar archive that can be read: bad checksum",
        ),
        (replace(WHOLE, entries=26), "it has 26 entries, and a whole one has 27 or more"),
        (replace(WHOLE, key_size=None), "it lacks ./ucp-controller-server-certs/key.pem"),
        (replace(WHOLE, key_size=0), "./ucp-controller-server-certs/key.pem is empty"),
    ],
)
def test_what_is_wrong_with_an_archive_is_named(archive: ControlPlaneArchive, words: str) -> None:
    assert words in (why_not_whole(archive) or "")


@pytest.mark.parametrize("words", [CONFLICT, TAKEN, LOCKED, "a backup is already in progress"])
def test_another_backup_that_runs_is_something_that_may_heal(words: str) -> None:
    error = failure(words)
    assert isinstance(error, UnreachableError)
    assert "a control plane makes one backup at a time, and another one runs: " in error.what
    assert "`docker rm -f ucp` on the manager" in error.next_step


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        ("No such image: mirantis/ucp:3.7.12", "the control plane's image on the manager"),
        (
            "could not find any nodes on which the container could be created",
            "Allow administrators to deploy",
        ),
        ("unable to read the auth store", "read the lines above it"),
        ('Conflict. The container name "/runbook-1" is already in use', "read the lines above it"),
    ],
)
def test_every_other_failure_is_for_the_operator(words: str, next_step: str) -> None:
    error = failure(words)
    assert isinstance(error, RefusedError)
    assert (error.what, next_step in error.next_step) == (words, True)


def test_a_control_plane_that_its_backup_would_stop_is_not_backed_up() -> None:
    assert why_not_backed_up(Version(3, 2, 0)) is None
    assert "the backup of version 3.1.16 stops" in (why_not_backed_up(Version(3, 1, 16)) or "")
