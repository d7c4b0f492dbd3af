"""SSH against OpenSSH's own sshd."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.ssh import SshConnection, SshPool, SshTarget
from runbook.remote.waiting import wait_until
from tests.integration.real_sshd import real_sshd, site_of_operator

AWKWARD = ("a b", "it's", "two\nlines", "$HOME", "`id`", "!!", '"', "\\", "*", "é", "")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshTarget]:
    with real_sshd(tmp_path_factory.mktemp("sshd")) as target:
        yield target


@pytest.fixture
def connection(target: SshTarget) -> Iterator[SshConnection]:
    with SshConnection(target) as connection:
        yield connection


def test_every_argument_arrives_as_it_is(connection: SshConnection) -> None:
    done = connection.run(("printf", "%s|", *AWKWARD))
    assert done.stdout.decode() == "".join(f"{argument}|" for argument in AWKWARD)
    assert done.stderr == b""


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_login_shell_does_not_matter(tmp_path: Path, shell: str) -> None:
    with site_of_operator(tmp_path, shell=shell) as site, SshConnection(site.target) as other:
        done = other.run(("printf", "%s|", *AWKWARD))
    assert done.stdout.decode() == "".join(f"{argument}|" for argument in AWKWARD)


def test_input_output_and_status_are_the_commands_own(connection: SshConnection) -> None:
    content = bytes(range(256)) * 10_000
    done = connection.run(("sh", "-c", "cat; echo words >&2; exit 3"), stdin=content)
    assert (done.status, done.stdout, done.stderr) == (3, content, b"words\n")


def test_many_commands_share_one_connection(connection: SshConnection) -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(connection.run(("echo", str(n))).stdout))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [b"%d\n" % n for n in range(8)]


def test_a_busy_machine_does_not_lose_the_connection_between_short_commands(
    connection: SshConnection,
) -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.1)  # threads wait for each other as they do under load
    try:
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: connection.run(("true",)).status, range(500)))
    finally:
        sys.setswitchinterval(usual)
    assert statuses == [0] * 500


def test_a_command_that_takes_too_long_is_ended_on_the_node(connection: SshConnection) -> None:
    with pytest.raises(UnreachableError, match="did not end within 1 s"):
        connection.run(("sleep", "98765"), timeout=1)
    assert why_running(connection, "sleep 98765") is None


def test_a_command_that_is_left_early_is_ended_on_the_node(connection: SshConnection) -> None:
    with connection.start(("sh", "-c", "echo up; sleep 87654"), on_stderr=print) as command:
        assert command.stdout.readline() == b"up\n"
    wait_until(lambda: why_running(connection, "sleep 87654"), where="the node", timeout=10, poll=0.2)


def why_running(connection: SshConnection, pattern: str) -> str | None:
    found = connection.run(("pgrep", "-r", "D,R,S", "-f", f"^{pattern}")).stdout.decode()
    return f"{pattern} still runs: {found}" if found else None


def test_a_file_is_put_whole_with_its_mode(connection: SshConnection, tmp_path: Path) -> None:
    file, content = tmp_path / "a file", bytes(range(256)) * 4096
    connection.put_file(str(file), b"old", 0o600)
    connection.put_file(str(file), content, 0o640)
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_of_which_a_part_arrives_changes_nothing(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    connection.put_file(str(file), b"old", 0o600)
    monkeypatch.setattr("runbook.remote.ssh._feed", lambda command, data: command.close_stdin())
    with pytest.raises(RefusedError, match="only part of the file arrived"):
        connection.put_file(str(file), b"new content", 0o600)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_refused(connection: SshConnection, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="could not be written"):
        connection.put_file(f"{tmp_path}/none/file", b"x", 0o600)


def test_a_pool_replaces_a_dead_connection(target: SshTarget) -> None:
    with SshPool() as pool:
        first = pool.get(target)
        assert pool.get(target) is first
        first.close()
        assert pool.get(target).run(("true",)).status == 0
