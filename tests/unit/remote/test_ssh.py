import random
import socket
import threading
import time

import paramiko
import pytest
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, RefusedError, UnreachableError
from runbook.remote.ssh import SshConnection, SshPool
from tests.fakes.ssh_server import KeyPair, SshServer


def ends_well(channel: paramiko.Channel) -> None:
    channel.sendall_stderr(b"123\nwords\n")
    channel.sendall(b"out\0put")
    channel.send_exit_status(0)
    channel.close()


def test_a_command_is_run_with_its_streams_apart() -> None:
    with SshServer(ends_well) as server, SshConnection(server.target()) as connection:
        done = connection.run(("docker", "load"), stdin=b"an image")
    assert (done.status, done.stdout, done.stderr) == (0, b"out\0put", b"words\n")


def test_output_beyond_the_window_arrives_in_order_however_it_is_read() -> None:
    data = random.Random(1).randbytes(9 * 1024 * 1024)

    def answer(channel: paramiko.Channel) -> None:
        channel.sendall(data)
        channel.send_exit_status(0)
        channel.close()

    with (
        SshServer(answer) as server,
        SshConnection(server.target()) as connection,
        connection.start(["cat"], on_stderr=print) as command,
    ):
        command.close_stdin()
        pieces = [command.stdout.read(1), command.stdout.read(5_000_000), command.stdout.read(77)]
        pieces.append(command.stdout.read())
        assert command.wait() == 0
    assert b"".join(pieces) == data


def test_a_cipher_that_needs_no_second_pass_is_chosen() -> None:
    with SshServer(lambda channel: channel.close()) as server, SshConnection(server.target()):
        assert server.transports[0].local_cipher == "aes128-gcm@openssh.com"


def test_refuses_a_host_key_that_is_not_the_pinned_one() -> None:
    other = KeyPair()
    with SshServer(ends_well) as server, pytest.raises(RefusedError) as refused:
        SshConnection(server.target(host_key=other.public))
    assert refused.value.where == "dtr1"
    assert f"its host key is ssh-ed25519 {server.host_key.key.fingerprint}" in refused.value.what
    assert f"the cluster file pins ssh-ed25519 {other.key.fingerprint}" in refused.value.what


def test_refuses_a_server_that_has_no_key_of_the_pinned_kind() -> None:
    other = paramiko.ECDSAKey.generate()
    with SshServer(ends_well) as server, pytest.raises(RefusedError, match="host key"):
        SshConnection(server.target(host_key=f"{other.get_name()} {other.get_base64()}"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!",
        "ssh-strange AAAA",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEmanager1",
    ],
)
def test_a_pinned_key_that_is_none_is_a_fault_of_the_cluster_file(text: str) -> None:
    with SshServer(ends_well) as server, pytest.raises(InvalidConfigError, match="pinned host key"):
        SshConnection(server.target(host_key=text))


def test_a_key_that_is_not_accepted_is_refused() -> None:
    with SshServer(ends_well) as server, pytest.raises(RefusedError, match="key was not accepted"):
        SshConnection(server.target(private_key=KeyPair().private))


def test_a_private_key_that_is_none_is_a_fault_of_the_cluster_file() -> None:
    with SshServer(ends_well) as server, pytest.raises(InvalidConfigError, match="private key"):
        SshConnection(server.target(private_key=SecretStr("-----BEGIN nothing-----")))


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with SshServer(ends_well) as server, pytest.raises(UnreachableError, match="Connection refused"):
        SshConnection(server.target(port=port))


@pytest.mark.parametrize("banner", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_port_that_does_not_speak_ssh_is_unreachable(banner: bytes) -> None:
    with SshServer(banner=banner) as server, pytest.raises(UnreachableError):
        SshConnection(server.target(connect_timeout=0.5))


def test_a_refused_channel_is_unreachable() -> None:
    with (
        SshServer(answer=None) as server,
        SshConnection(server.target()) as connection,
        pytest.raises(UnreachableError, match="could not be started"),
    ):
        connection.run(("true",))


def test_a_connection_lost_within_a_command_is_no_end_of_output() -> None:
    def dies(channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"123\n")
        channel.sendall(b"half of the archi")
        server.drop_connections()

    with SshServer(dies) as server, SshConnection(server.target()) as connection:
        with connection.start(("docker", "run"), on_stderr=print) as command:
            command.close_stdin()
            command.stdout.read()
            with pytest.raises(UnreachableError, match="connection was lost"):
                command.wait()
        assert not connection.alive


def test_a_status_without_the_end_of_output_is_not_believed() -> None:
    def dies(channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"123\n")
        channel.sendall(b"half of the archi")
        channel.send_exit_status(0)
        server.drop_connections()

    with (
        SshServer(dies) as server,
        SshConnection(server.target()) as connection,
        connection.start(("docker", "run"), on_stderr=print) as command,
    ):
        command.close_stdin()
        command.stdout.read()
        with pytest.raises(UnreachableError, match="connection was lost"):
            command.wait()


def test_writing_to_a_command_that_has_ended_breaks_the_pipe() -> None:
    with (
        SshServer(ends_well) as server,
        SshConnection(server.target()) as connection,
        connection.start(("true",), on_stderr=print) as command,
    ):
        command.close_stdin()
        assert command.wait() == 0
        with pytest.raises(BrokenPipeError):
            command.write(b"more")


def test_a_command_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.remote.ssh._END_TIMEOUT", 0.2)  # ending it takes too long as well
    hold = threading.Event()

    def lasts(channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"123\n")
        hold.wait(10)

    with SshServer(lasts) as server, SshConnection(server.target()) as connection:
        with pytest.raises(UnreachableError, match=r"`docker ps` did not end within 0 s"):
            connection.run(("docker", "ps", "-a"), stdin=b"input", timeout=0.2)
        hold.set()


def test_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.remote.ssh_watch._ASK_EVERY", 0.1)
    monkeypatch.setattr("runbook.remote.ssh_watch._LOOK_EVERY", 0.05)
    with SshServer(ends_well) as server, SshConnection(server.target()) as connection:
        server.awake.clear()
        deadline = time.monotonic() + 5
        while connection.alive and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        assert not connection.alive


def test_a_run_has_one_connection_per_node_until_it_dies() -> None:
    with SshServer(ends_well) as server, SshPool() as pool:
        first = pool.get(server.target())
        threads = [threading.Thread(target=pool.get, args=(server.target(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pool.get(server.target()) is first
        assert server.connections == 1
        first.close()
        assert pool.get(server.target()) is not first
        assert server.connections == 2


def test_a_closed_pool_opens_nothing() -> None:
    with SshServer(ends_well) as server:
        pool = SshPool()
        pool.close()
        with pytest.raises(RuntimeError, match="closed"):
            pool.get(server.target())
