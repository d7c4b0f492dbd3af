"""HAProxy on the load balancer, probing TLS servers of this process."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.remote.haproxy import Backend, Front, HaproxyOverSsh, render, why_not_up
from runbook.remote.haproxy_file import MARKER, HaproxyFile
from runbook.remote.ssh import SshConnection
from runbook.remote.waiting import wait_until
from tests.fakes.tls_site import Certificate
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.integration


PATH = "/etc/haproxy/haproxy.cfg"
HAND_WRITTEN = """global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen intranet
    bind *:8080
"""
OTHER_HAND = HAND_WRITTEN.replace("intranet", "mail")


def answers(connection: SshConnection, port: int) -> bool:
    try:
        socket.create_connection((connection.target.address, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def content(connection: SshConnection, path: str) -> str:
    return connection.run(("cat", path)).stdout.decode()


class Replica(BaseHTTPRequestHandler):
    """Answers its probe as it is told."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/_ping" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Be quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A probe that breaks off is no error."""


@pytest.fixture
def connection(lab_cluster: LabCluster) -> Iterator[SshConnection]:
    with SshConnection(lab_cluster.ssh_target(lab_cluster.settings.load_balancer.haproxy.name)) as connection:
        yield connection


@pytest.fixture
def haproxy(connection: SshConnection) -> Iterator[HaproxyOverSsh]:
    """HAProxy, which runs afterwards with the configuration that it had."""
    haproxy = HaproxyOverSsh(connection, take_over=True)
    before = haproxy.read()
    yield haproxy
    haproxy.apply(before)
    connection.run(("sh", "-c", f"rm -f {PATH}.before-runbooks* {PATH}.previous"))


@pytest.fixture
def replica(connection: SshConnection, tmp_path: Path) -> Iterator[tuple[type[Replica], Backend]]:
    address = connection.run(("sh", "-c", "echo $SSH_CONNECTION")).stdout.decode().split()[0]
    kind = type("ThisReplica", (Replica,), {})
    server = Server((address, 0), kind)
    context = Certificate(tmp_path, address).server_context()
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield kind, Backend("dtr1", address, server.server_port)
    server.shutdown()
    server.server_close()
    thread.join()


def text_for(*pool: Backend) -> str:
    return render(pool, probe_path="/_ping", front=Front("registry.example"))


def wait_for(haproxy: HaproxyOverSsh, reason: str | None) -> None:
    def why_not() -> str | None:
        seen = why_not_up(haproxy.pool_state(), ["dtr1"])
        as_wanted = reason in seen if reason and seen else reason == seen
        return None if as_wanted else f"{seen}"

    wait_until(why_not, where="lb1", timeout=30, poll=0.3)


def test_a_replica_is_up_while_its_probe_says_so(
    haproxy: HaproxyOverSsh, replica: tuple[type[Replica], Backend]
) -> None:
    kind, backend = replica
    haproxy.apply(text_for(backend))
    assert haproxy.read() == text_for(backend)
    wait_for(haproxy, None)
    kind.status = 503
    wait_for(haproxy, "L7STS 503")
    kind.status = 200
    wait_for(haproxy, None)


def test_an_empty_pool_is_a_valid_one(haproxy: HaproxyOverSsh) -> None:
    haproxy.apply(text_for())
    wait_until(  # the process that was there before the reload may still answer
        lambda: f"{seen}" if (seen := haproxy.pool_state()) else None, where="lb1", timeout=30, poll=0.3
    )


def test_the_configuration_before_is_kept(haproxy: HaproxyOverSsh, connection: SshConnection) -> None:
    haproxy.apply(text_for())
    haproxy.apply(text_for(Backend("dtr1", "198.18.0.11")))
    assert content(connection, f"{PATH}.previous") == text_for()


def test_every_configuration_of_somebody_else_is_kept_for_good(
    haproxy: HaproxyOverSsh, connection: SshConnection
) -> None:
    for first, pool in ((HAND_WRITTEN, ()), (OTHER_HAND, (Backend("dtr1", "198.18.0.11"),))):
        connection.put_file(PATH, first.encode(), 0o644)
        haproxy.apply(text_for(*pool))
        haproxy.apply(text_for())
        assert content(connection, f"{PATH}.before-runbooks") == HAND_WRITTEN
    later = connection.run(("sh", "-c", f"cat {PATH}.before-runbooks.2*"))
    assert later.stdout.decode() == OTHER_HAND


def test_a_configuration_written_by_hand_is_not_replaced(
    haproxy: HaproxyOverSsh, connection: SshConnection
) -> None:
    connection.put_file(PATH, HAND_WRITTEN.encode(), 0o644)
    careful = HaproxyOverSsh(connection)
    with pytest.raises(ForeignFileError, match=r"was written by hand.*\nNext: .*`take_over: true`"):
        careful.apply(text_for())
    assert haproxy.read() == HAND_WRITTEN
    connection.put_file(PATH, f"{MARKER}; and edited since\n{HAND_WRITTEN}".encode(), 0o644)
    careful.apply(text_for())
    assert haproxy.read() == text_for()


def test_the_file_of_the_package_is_nobodys(connection: SshConnection) -> None:
    packaged = HaproxyFile(connection, "/etc/default/haproxy")  # of the package too, and unlike the lab's own
    packaged.require_replaceable()
    before = packaged.read()
    connection.put_file("/etc/default/haproxy", f"{before}# changed\n".encode(), 0o644)
    try:
        with pytest.raises(ForeignFileError):
            packaged.require_replaceable()
    finally:
        connection.put_file("/etc/default/haproxy", before.encode(), 0o644)


@pytest.mark.parametrize("there", [True, False], ids=["over another", "as the first"])
def test_a_configuration_that_cannot_start_is_taken_back(
    haproxy: HaproxyOverSsh, connection: SshConnection, *, there: bool
) -> None:
    haproxy.apply(text_for())
    haproxy.apply(text_for(Backend("dtr1", "198.18.0.11")))  # leaves a previous one
    if not there:
        connection.run(("rm", PATH))
    before = haproxy.read()
    with pytest.raises(RefusedError, match="HAProxy could not be reloaded"):
        haproxy.apply(text_for().replace("bind *:80", "bind 192.0.2.1:80"))  # no address of this machine
    assert haproxy.read() == before
    assert connection.run(("test", "-e", PATH)).status == (0 if there else 1)
    assert connection.run(("service", "haproxy", "status")).status == 0 or not there


def test_it_listens_where_the_external_url_points(haproxy: HaproxyOverSsh, connection: SshConnection) -> None:
    def heard(front: Front) -> list[int]:
        haproxy.apply(render((), probe_path="/_ping", front=front))
        wait_until(  # a process that was there before the reload may still listen
            lambda: None if not answers(connection, 443) else "the old one listens", where="lb1", timeout=30
        )
        haproxy.pool_state()
        return [port for port in (80, 4443, 8181) if answers(connection, port)]

    assert heard(Front("registry.example", 4443)) == [80, 4443]
    own = connection.target.address
    assert heard(Front("registry.example", 4443, stats_address=own)) == [80, 4443, 8181]


def test_an_invalid_configuration_changes_nothing(haproxy: HaproxyOverSsh, connection: SshConnection) -> None:
    haproxy.apply(text_for())
    before = connection.run(("sh", "-c", "ls /etc/haproxy; pgrep -x haproxy")).stdout
    with pytest.raises(RefusedError, match="unknown keyword 'servre'") as refused:
        haproxy.apply(text_for().replace("balance leastconn", "servre x 1.2.3.4"))
    assert refused.value.where == connection.target.name
    assert haproxy.read() == text_for()
    assert connection.run(("sh", "-c", "ls /etc/haproxy; pgrep -x haproxy")).stdout == before
