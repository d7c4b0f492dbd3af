"""HAProxy on the lab's load balancer, as Debian packages and reloads it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.domain.load_balancer import Front
from runbook.remote.haproxy import Haproxy, HaproxyPlace
from runbook.remote.haproxy_config import Statistics
from runbook.remote.haproxy_file import HaproxyFile
from runbook.remote.load_balancer import Site
from runbook.remote.open_connections import open_connections
from runbook.remote.ssh import SshConnection
from runbook.remote.waiting import wait_until
from tests.fakes.tls_replicas import Replica, tls_replicas
from tests.fakes.tls_site import Certificate
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.integration


PATH = "/etc/haproxy/haproxy.cfg"
FRONT = Front("registry.example")


def answers(connection: SshConnection, port: int) -> bool:
    try:
        socket.create_connection((connection.target.address, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def never(*_: object) -> Any:
    raise AssertionError("HAProxy has no use for it")


def haproxy_of(connection: SshConnection, front: Front = FRONT, **changes: Any) -> Haproxy:
    """Return the lab's HAProxy; what it served before is a person's and may be replaced."""
    place = HaproxyPlace(connection.target.name, **{"take_over": True, "up_within": 30, **changes})
    return Haproxy(Site(front, lambda _: connection, {}, never), place)


@pytest.fixture
def connection(lab_cluster: LabCluster) -> Iterator[SshConnection]:
    """SSH to the load balancer, whose HAProxy runs afterwards with the configuration that it had."""
    (machine,) = lab_cluster.settings.load_balancer.machines
    with SshConnection(lab_cluster.ssh_target(machine.name)) as connection:
        file = HaproxyFile(connection, PATH, take_over=True)
        before = file.read()
        yield connection
        file.replace(before)
        connection.run(("sh", "-c", f"rm -f {PATH}.before-runbooks* {PATH}.previous"))


@pytest.fixture
def replica(connection: SshConnection, tmp_path: Path) -> Iterator[Replica]:
    """A replica on this machine, as the lab's machines reach it."""
    address = connection.run(("sh", "-c", "echo $SSH_CONNECTION")).stdout.decode().split()[0]
    with tls_replicas(Certificate(tmp_path, address), address) as replicas:
        yield replicas["dtr1"]


def test_a_replica_is_up_while_its_probe_says_so(connection: SshConnection, replica: Replica) -> None:
    haproxy = haproxy_of(connection)

    def why_not_down() -> str | None:
        words = haproxy.pool_state()["dtr1"].words
        return None if words.startswith("DOWN (L7STS 503") else words

    haproxy.apply([replica.backend])
    replica.fail()
    wait_until(why_not_down, where="lb1", timeout=30, poll=0.3)
    replica.mend()
    haproxy.apply([replica.backend])


def test_its_open_connections_are_counted_by_its_kernel(connection: SshConnection, replica: Replica) -> None:
    haproxy = haproxy_of(connection, drain_within=30)
    haproxy.apply([replica.backend])
    with socket.create_connection((connection.target.address, 443), 5) as client:
        client.sendall(b"x")
        wait_until(
            lambda: (
                None
                if open_connections(connection, replica.backend.address, [replica.backend.https_port])
                else "none"
            ),
            where="lb1",
            timeout=20,
            poll=0.2,
        )
    haproxy.drain(replica.backend, [])
    assert open_connections(connection, replica.backend.address, [replica.backend.https_port]) == 0


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
def test_a_configuration_that_cannot_start_is_taken_back(connection: SshConnection, *, there: bool) -> None:
    haproxy, file = haproxy_of(connection), HaproxyFile(connection, PATH)
    haproxy.apply([])
    haproxy_of(connection, Front("another.example")).apply([])  # leaves a previous one
    if not there:
        connection.run(("rm", PATH))
    before = file.read()
    elsewhere = Statistics(address="192.0.2.1")  # no address of this machine
    with pytest.raises(RefusedError, match="HAProxy could not be reloaded"):
        haproxy_of(connection, statistics=elsewhere).apply([])
    assert file.read() == before
    assert connection.run(("test", "-e", PATH)).status == (0 if there else 1)
    assert connection.run(("service", "haproxy", "status")).status == 0 or not there


def test_it_listens_where_the_external_url_points(connection: SshConnection) -> None:
    def heard(front: Front, **changes: Any) -> list[int]:
        haproxy_of(connection, front, **changes).apply([])
        wait_until(  # a process that was there before the reload may still listen
            lambda: None if not answers(connection, 443) else "the old one listens", where="lb1", timeout=30
        )
        return [port for port in (80, 4443, 8181) if answers(connection, port)]

    assert heard(Front("registry.example", 4443)) == [80, 4443]
    own = Statistics(address=connection.target.address)
    assert heard(Front("registry.example", 4443), statistics=own) == [80, 4443, 8181]
