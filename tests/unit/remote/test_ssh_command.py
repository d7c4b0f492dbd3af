"""What is sent to sshd is tried with real shells, without sshd."""

import os
import shutil
import string
import subprocess
import threading

import pytest

from runbook.remote.ssh_command import encode_command, make_end_command

AWKWARD = ("printf", "%s|", "a b", "it's", "two\nlines", "$HOME", "`id`", "!!", '"', "\\", "*", "é", "")
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_argument_arrives_as_it_is(shell: str) -> None:
    done = subprocess.run([shell, "-c", encode_command(AWKWARD)], capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"{argument}|" for argument in AWKWARD[2:])
    assert done.stderr.strip().isdigit()


def test_the_line_holds_nothing_that_shells_read_differently() -> None:
    safe = set(string.ascii_letters + string.digits + " '\"$()%|-+/=")
    assert set(encode_command(AWKWARD)) <= safe


def test_the_number_is_that_of_the_command() -> None:
    line = encode_command(("sh", "-c", "echo $$"))
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert done.stdout == done.stderr


def test_a_command_that_reads_no_input_finds_its_end_at_once() -> None:
    read, write = os.pipe()  # never closed while the command runs
    line = encode_command(("cat",), reads_input=False)
    done = subprocess.run(["sh", "-c", line], stdin=read, capture_output=True, check=True, timeout=10)
    os.close(read)
    os.close(write)
    assert done.stdout == b""


@pytest.mark.parametrize("program", ["sleep 100", "trap '' TERM; sleep 100 & wait; sleep 100"])
def test_ending_takes_the_whole_group_even_when_it_resists(program: str) -> None:
    with subprocess.Popen(["sh", "-c", program], start_new_session=True) as process:
        threading.Thread(target=process.wait, daemon=True).start()  # takes note of the death, as sshd does
        subprocess.run(make_end_command(process.pid), check=True, timeout=30)
        assert process.wait(timeout=10) != 0
    assert subprocess.run(["pgrep", "-r", "D,R,S", "-g", str(process.pid)], check=False).returncode == 1
