import paramiko
import pytest

from runbook.domain.errors import UnreachableError
from runbook.remote.ssh import SshPool
from runbook.remote.ssh_transport import SshTransport, make_run_command
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
