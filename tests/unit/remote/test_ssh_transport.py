import os
import subprocess
from pathlib import Path

import paramiko
import pytest
from pydantic import SecretStr

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.ssh import SshPool
from runbook.remote.ssh_transport import SshTransport, make_run_command, secret_lines
from runbook.remote.transport import ContainerRun
from tests.fakes.ssh_server import SshServer


def says_done(channel: paramiko.Channel) -> None:
    channel.sendall_stderr(b"123\n")
    channel.sendall(b"done")
    channel.send_exit_status(0)
    channel.close()


def test_the_bootstrapper_runs_on_the_next_manager_when_one_is_down(caplog: pytest.LogCaptureFixture) -> None:
    with SshServer(says_done) as server, SshPool() as pool:
        down = server.target(name="ucp1", port=9)
        transport = SshTransport(pool, [down, server.target(name="ucp2")], [])
        with transport.start(ContainerRun("lab/dtr:2.9.29", ("images",)), print) as container:
            container.close_stdin()
            assert container.stdout.read() == b"done"
            assert container.wait() == 0
    assert "ucp1: " in caplog.text
    assert "the next manager is taken" in caplog.text


def test_the_last_managers_error_is_shown_when_none_answers() -> None:
    with SshServer(says_done) as server, SshPool() as pool:
        silent = [server.target(name=name, port=9) for name in ("ucp1", "ucp2")]
        with pytest.raises(UnreachableError) as error:
            SshTransport(pool, silent, []).start(ContainerRun("lab/dtr:2.9.29", ("images",)), print)
    assert error.value.where == "ucp2"


def test_a_run_has_a_label_of_its_own_beside_the_name_that_it_must_have() -> None:
    plain = make_run_command("runbook-1", ContainerRun("lab/dtr:2.9.29", ("images",)))
    assert plain[2:7] == ("--rm", "--name", "runbook-1", "--label", "runbook.run=runbook-1")
    named = make_run_command(
        "runbook-1", ContainerRun("lab/ucp:3.2.6", ("backup",), name="ucp", uses_engine=True)
    )
    assert named[2:7] == ("--rm", "--name", "ucp", "--label", "runbook.run=runbook-1")
    assert named[named.index("--volume") + 1] == "/var/run/docker.sock:/var/run/docker.sock"
    assert named[-2:] == ("lab/ucp:3.2.6", "backup")


def test_secrets_of_several_lines_reach_the_container_and_leave_its_input_whole(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nA+/=\n\n-----END KEY-----\n"
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$*"\nprintf "%s|%s|" "$DTR_KEY" "$UCP_PASSWORD"; cat\n')
    docker.chmod(0o755)
    secrets = {"UCP_PASSWORD": SecretStr(" 'pass' \\ $HOME"), "DTR_KEY": SecretStr(key)}
    run = ContainerRun("lab/dtr:2.9.29", ("install",), secret_env=secrets, interactive=True)
    command = make_run_command("runbook-1", run)
    done = subprocess.run(
        command,
        input=secret_lines("ucp1", run) + b"the rest\n\0",
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    arguments, _, given = done.stdout.partition(b"\n")
    assert given == f"{key}| 'pass' \\ $HOME|".encode() + b"the rest\n\0"
    assert b"--env UCP_PASSWORD --env DTR_KEY lab/dtr:2.9.29 install" in arguments
    assert not any("pass" in word or "BEGIN" in word for word in command)


def test_a_secret_that_no_environment_can_hold_is_refused() -> None:
    run = ContainerRun("lab/dtr:2.9.29", ("install",), secret_env={"DTR_KEY": SecretStr("a\0b")})
    with pytest.raises(RefusedError, match="ucp1: the value of DTR_KEY holds a zero byte"):
        secret_lines("ucp1", run)
