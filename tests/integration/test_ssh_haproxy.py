"""HAProxy on the load balancer, probing TLS servers of this process."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.remote.haproxy import Backend, HaproxyOverSsh, render, why_not_up
from runbook.remote.ssh import SshConnection
from runbook.remote.waiting import wait_until
from tests.fakes.tls_site import Certificate
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.integration


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
    haproxy = HaproxyOverSsh(connection)
    before = haproxy.read()
    yield haproxy
    haproxy.apply(before)


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
    return render(pool, probe_path="/_ping", external_host="registry.example")


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
    assert connection.run(("cat", "/etc/haproxy/haproxy.cfg.previous")).stdout.decode() == text_for()


def test_an_invalid_configuration_changes_nothing(haproxy: HaproxyOverSsh, connection: SshConnection) -> None:
    haproxy.apply(text_for())
    before = connection.run(("sh", "-c", "ls /etc/haproxy; pgrep -x haproxy")).stdout
    with pytest.raises(RefusedError, match="unknown keyword 'servre'") as refused:
        haproxy.apply(text_for().replace("balance leastconn", "servre x 1.2.3.4"))
    assert refused.value.where == connection.target.name
    assert haproxy.read() == text_for()
    assert connection.run(("sh", "-c", "ls /etc/haproxy; pgrep -x haproxy")).stdout == before
