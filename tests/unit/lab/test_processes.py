import json
import os
import signal
import sys
from pathlib import Path

import pytest

from lab import processes
from lab.waiting import wait_until

PROGRAM = """import signal
{setup}
print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, flush=True)
signal.pause()
"""


@pytest.fixture
def start(tmp_path):
    def begin(setup: str = "pass") -> tuple[processes.Process, Path, Path]:
        pid_file, log = tmp_path / "run" / "program.json", tmp_path / "program.log"
        program = [sys.executable, "-c", PROGRAM.format(setup=setup)]
        process = processes.start(program, pid_file, log, os.environ)
        wait_until(
            lambda: None if log.read_text() else "it said nothing", "program", "look", seconds=10, every=0.02
        )
        return process, pid_file, log

    yield begin
    processes.stop(tmp_path / "run" / "program.json")


def test_a_program_is_found_again_and_stopped(start):
    process, pid_file, _ = start()
    assert processes.running(pid_file) == process
    assert os.getsid(process.pid) == process.pid
    assert processes.stop(pid_file)
    assert not process.alive
    assert not pid_file.exists()
    assert not processes.stop(pid_file)


def test_a_program_that_ignores_the_request_is_ended_all_the_same(start):
    process, pid_file, _ = start("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert processes.stop(pid_file, seconds=0.2)
    assert not process.alive


def test_the_children_of_a_program_are_ended_with_it(start):
    process, pid_file, log = start("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)")
    child = int(log.read_text().splitlines()[0])
    assert sorted(processes.group_members(process.pid)) == sorted([process.pid, child])
    assert processes.stop(pid_file)
    assert processes.group_members(process.pid) == []


def test_a_program_takes_interrupts_even_where_the_starter_ignores_them(start):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _, _, log = start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert log.read_text().strip() == "False"


def test_another_process_with_the_same_id_is_not_taken_for_ours(start):
    process, pid_file, _ = start()
    saved = json.loads(pid_file.read_text())
    pid_file.write_text(json.dumps(saved | {"started": "1"}))
    assert processes.running(pid_file) is None
    assert not processes.stop(pid_file)
    assert process.alive
    pid_file.write_text(json.dumps(saved))


def test_a_program_is_found_by_its_environment_and_killed_without_notice(start, monkeypatch):
    monkeypatch.setenv("RUNBOOK_TEST_MARK", "a mark of this test")
    process, pid_file, _ = start("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert processes.with_variables("RUNBOOK_TEST_MARK=a mark", "PATH=") == [process.pid]
    assert processes.with_variables("RUNBOOK_TEST_MARK=another") == []
    with processes.stopped(pid_file):
        processes.kill(pid_file)
    assert not process.alive
