"""What is sent to sshd is tried with real shells, without sshd."""

import os
import shutil
import string
import subprocess
import threading

import pytest

from runbook.remote.ssh_line import Beginning, encode_command, make_end_command, make_marker

MARKER = b"runbook-0123456789abcdef:"
AWKWARD = ("printf", "%s|", "a b", "it's", "two\nlines", "$HOME", "`id`", "!!", '"', "\\", "*", "é", "")
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_argument_arrives_as_it_is(shell: str) -> None:
    done = subprocess.run([shell, "-c", encode_command(AWKWARD, MARKER)], capture_output=True, check=True)
    assert done.stdout.decode() == MARKER.decode() + "".join(f"{argument}|" for argument in AWKWARD[2:])
    assert done.stderr.startswith(MARKER)
    assert done.stderr.removeprefix(MARKER).strip().isdigit()


def test_the_line_holds_nothing_that_shells_read_differently() -> None:
    safe = set(string.ascii_letters + string.digits + " '\"$()%|-+/=")
    assert set(encode_command(AWKWARD, MARKER)) <= safe


def test_the_number_is_that_of_the_command() -> None:
    line = encode_command(("sh", "-c", "echo $$"), MARKER)
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, start_new_session=True)
    assert done.stdout == done.stderr


def test_a_command_that_reads_no_input_finds_its_end_at_once() -> None:
    read, write = os.pipe()  # never closed while the command runs
    line = encode_command(("cat",), MARKER, reads_input=False)
    done = subprocess.run(["sh", "-c", line], stdin=read, capture_output=True, check=True, timeout=10)
    os.close(read)
    os.close(write)
    assert done.stdout == MARKER


@pytest.mark.parametrize("program", ["sleep 100", "trap '' TERM; sleep 100 & wait; sleep 100"])
def test_ending_takes_the_whole_group_even_when_it_resists(program: str) -> None:
    with subprocess.Popen(["sh", "-c", program], start_new_session=True) as process:
        threading.Thread(target=process.wait, daemon=True).start()  # takes note of the death, as sshd does
        subprocess.run(make_end_command(process.pid), check=True, timeout=30)
        assert process.wait(timeout=10) != 0
    assert subprocess.run(["pgrep", "-r", "D,R,S", "-g", str(process.pid)], check=False).returncode == 1


def test_what_a_login_shell_says_is_not_the_commands_own_wherever_it_is_cut() -> None:
    said = b"Welcome!\nrunbook-01\xff" + MARKER + b"own\n"
    for cut in range(len(said) + 1):
        pieces = iter([piece for piece in (said[:cut], said[cut:], b"more") if piece])
        beginning = Beginning(MARKER)
        read = iter(lambda: beginning.read(lambda: next(pieces, b"")), b"")  # noqa: B023 - read at once
        assert b"".join(read) == b"own\nmore"


def test_endless_noise_takes_no_endless_memory() -> None:
    pieces = iter([b"x" * 100_000] * 50)
    beginning = Beginning(MARKER)
    assert beginning.read(lambda: next(pieces, b"")) == b""
    assert len(beginning.noise) == 2048


def test_each_command_has_a_marker_of_its_own() -> None:
    assert make_marker() != make_marker()
