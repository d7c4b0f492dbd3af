"""What a connection to OpenSSH's own sshd does with noise, endless lines and silence."""

import os
import signal
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.domain.errors import UnreachableError
from runbook.remote import ssh_watch
from runbook.remote.ssh import SshConnection, SshPool
from runbook.remote.ssh_transport import SshTransport
from tests.integration.real_sshd import SshdSite, site_of_operator, sshd_site
from tests.integration.wire import wire_to

MEGABYTE = 1 << 20
NOISE = "echo Welcome to this machine; printf 'no line end \\377'; echo careful >&2\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdSite]:
    folder = tmp_path_factory.mktemp("sshd")
    (folder / "banner").write_text("Authorised persons only\n")
    with sshd_site(folder, f"Banner {folder}/banner\n") as site:
        yield site


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watch ask and count ten times as fast."""
    monkeypatch.setattr(ssh_watch, "_ASK_EVERY", ssh_watch._ASK_EVERY / 10)
    monkeypatch.setattr(ssh_watch, "_LOOK_EVERY", ssh_watch._LOOK_EVERY / 10)


def test_a_login_shell_that_talks_spoils_no_stream(tmp_path: Path) -> None:
    content, lines = bytes(range(256)) * 10_000, list[str]()
    with site_of_operator(tmp_path, bashrc=NOISE) as site, SshConnection(site.target) as node:
        with node.start(("sh", "-c", "cat; echo words >&2"), on_stderr=lines.append) as command:
            command.write(content)
            command.close_stdin()
            assert command.stdout.read() == content
            assert command.wait() == 0
        done = node.run(("sh", "-c", "echo own; echo mine >&2; exit 3"))
    assert lines == ["words"]
    assert (done.status, done.stdout, done.stderr) == (3, b"own\n", b"mine\n")


def test_a_login_shell_that_runs_nothing_is_an_error_with_its_words(tmp_path: Path) -> None:
    with (
        site_of_operator(tmp_path, bashrc="echo no entry today; exit 5\n") as site,
        SshConnection(site.target) as node,
        pytest.raises(Exception, match="ran no command: no entry today"),
    ):
        node.run(("true",))


def test_a_banner_of_sshd_and_bytes_that_are_no_text_do_no_harm(site: SshdSite) -> None:
    lines: list[str] = []
    with SshConnection(site.target) as node:
        program = ("sh", "-c", "printf 'sol\\351\\n' >&2; printf 'sol\\351'")
        with node.start(program, on_stderr=lines.append) as command:
            assert command.stdout.read() == b"sol\xe9"
            assert command.wait() == 0
    assert lines == ["sol\ufffd"]


def test_a_line_without_an_end_takes_no_memory_on_standard_error(site: SshdSite) -> None:
    program = ("sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x >&2")
    seen, longest = 0, 0

    def take(line: str) -> None:
        nonlocal seen, longest
        seen, longest = seen + len(line), max(longest, len(line))

    with SshConnection(site.target) as node:
        tracemalloc.start()
        with node.start(program, on_stderr=take) as command:
            assert command.wait() == 0
        kept = len(node.run(program).stderr)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seen == 50_000_000
    assert longest < MEGABYTE
    assert kept < MEGABYTE
    assert peak < 20 * MEGABYTE


def test_a_line_without_an_end_passes_whole_on_standard_output_in_bounded_memory(site: SshdSite) -> None:
    program = ("sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x")
    with SshConnection(site.target) as node, node.start(program, on_stderr=print) as command:
        tracemalloc.start()
        seen = sum(data.count(b"x") for data in iter(lambda: command.stdout.read(MEGABYTE), b""))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert command.wait() == 0
    assert seen == 50_000_000
    assert peak < 20 * MEGABYTE


def test_a_dead_connection_is_noticed_within_15_seconds() -> None:
    assert ssh_watch._LOOK_EVERY * (ssh_watch._SILENT_LOOKS + 1) < 15
    assert ssh_watch._ASK_EVERY < ssh_watch._LOOK_EVERY * ssh_watch._SILENT_LOOKS / 2


@pytest.mark.usefixtures("soon")
def test_a_connection_that_falls_silent_without_an_end_is_lost(site: SshdSite) -> None:
    with wire_to(site.target.port) as wire, SshConnection(replace(site.target, port=wire.port)) as node:
        with node.start(("sh", "-c", "echo up; sleep 60"), on_stderr=print) as command:
            assert command.stdout.readline() == b"up\n"
            wire.cut()
            with pytest.raises(UnreachableError, match="connection was lost"):
                command.wait()
        assert not node.alive


@pytest.mark.usefixtures("soon")
def test_a_machine_that_freezes_is_lost(site: SshdSite) -> None:
    program = ("sh", "-c", "echo $PPID; exec sleep 60")
    with SshConnection(site.target) as node, node.start(program, on_stderr=print) as command:
        session = int(command.stdout.readline())
        os.kill(session, signal.SIGSTOP)
        try:
            with pytest.raises(UnreachableError, match="connection was lost"):
                command.wait()
        finally:
            os.kill(session, signal.SIGCONT)


@pytest.mark.usefixtures("soon")
def test_a_command_that_is_silent_and_lives_is_left_to_run(site: SshdSite) -> None:
    silent = 3 * ssh_watch._LOOK_EVERY * ssh_watch._SILENT_LOOKS
    with SshConnection(site.target) as node:
        assert node.run(("sleep", f"{silent:.1f}")).status == 0


@pytest.mark.usefixtures("soon")
def test_an_upload_that_stands_still_at_the_reader_is_left_to_run(site: SshdSite) -> None:
    silent = 2 * ssh_watch._LOOK_EVERY * ssh_watch._SILENT_LOOKS
    content = bytes(8 * MEGABYTE)
    with SshConnection(site.target) as node:
        done = node.run(("sh", "-c", f"sleep {silent:.1f}; wc -c"), stdin=content)
    assert done.stdout.split() == [b"%d" % len(content)]


def test_a_run_has_one_connection_per_node(site: SshdSite) -> None:
    before = site.logins
    with SshPool() as pool:
        transport = SshTransport(pool, [site.target], [site.target])
        threads = [threading.Thread(target=pool.get(site.target).run, args=(("true",),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.get(site.target).put_file("/dev/shm/runbook-test", b"", 0o600)
        pool.get(site.target).run(("rm", "/dev/shm/runbook-test"))
        transport.close()
    assert site.logins - before == 1
