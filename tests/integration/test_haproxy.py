"""What HAProxy alone promises, with HAProxy itself on this machine, changed over a real sshd."""

import http.client
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runbook.domain.errors import ForeignFileError, NotReadyError, RefusedError
from runbook.domain.findings import Level
from runbook.domain.load_balancer import Backend
from runbook.remote.haproxy_file import MARKER
from runbook.remote.waiting import wait_until
from tests.fakes.tls_replicas import Replica, tls_replicas
from tests.fakes.tls_site import Certificate
from tests.integration.balancer_worlds import HaproxySite, haproxy_site

HAND_WRITTEN = """global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen intranet
    bind 127.0.0.1:{port}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[HaproxySite]:
    with haproxy_site(tmp_path) as place:
        yield place


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[dict[str, Replica]]:
    with tls_replicas(Certificate(tmp_path)) as replicas:
        yield replicas


@contextmanager
def client(place: HaproxySite) -> Iterator[http.client.HTTPSConnection]:
    """Yield a connection through HAProxy that stays open from request to request."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", place.site.front.https_port, context=context, timeout=10
    )
    connection.auto_open = 0  # one that was cut is not opened again
    connection.connect()
    with closing(connection):
        yield connection


def ask(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/_ping")
    response = connection.getresponse()
    response.read()
    return response.status


def backends(replicas: dict[str, Replica], *names: str) -> list[Backend]:
    return [replicas[name].backend for name in names]


def by_hand(place: HaproxySite) -> str:
    return HAND_WRITTEN.format(port=place.site.front.http_port)


def test_a_connection_stays_open_when_the_pool_changes(
    place: HaproxySite, replicas: dict[str, Replica]
) -> None:
    balancer = place.balancer()
    balancer.apply(backends(replicas, "dtr1"))
    before = place.local.process
    with client(place) as connection:
        assert ask(connection) == 200
        balancer.apply(backends(replicas, "dtr1", "dtr2"))
        balancer.apply(backends(replicas, "dtr2"))
        assert place.local.process != before
        assert ask(connection) == 200


def test_a_drain_waits_for_open_connections_while_new_ones_go_elsewhere(
    place: HaproxySite, replicas: dict[str, Replica], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "runbook")
    balancer = place.balancer(drain_within=60)
    balancer.apply(backends(replicas, "dtr1"))
    drained = threading.Thread(
        target=balancer.drain, args=(replicas["dtr1"].backend, backends(replicas, "dtr2"))
    )
    with client(place) as connection:
        assert ask(connection) == 200
        drained.start()
        waits = "not yet: 1 connections to dtr1 are open"
        wait_until(lambda: None if waits in caplog.text else caplog.text, where="lb1", timeout=30, poll=0.2)
        replicas["dtr1"].fail()
        with client(place) as other:
            assert (ask(connection), ask(other)) == (503, 200)
        assert drained.is_alive()
    drained.join(30)
    assert not drained.is_alive()
    assert "they end with the replica" not in caplog.text


def test_a_connection_that_does_not_end_is_waited_for_only_so_long(
    place: HaproxySite, replicas: dict[str, Replica], caplog: pytest.LogCaptureFixture
) -> None:
    balancer = place.balancer(drain_within=1)
    balancer.apply(backends(replicas, "dtr1"))
    with client(place) as connection:
        assert ask(connection) == 200
        balancer.drain(replicas["dtr1"].backend, backends(replicas, "dtr2"))
        assert "1 connections to dtr1 are open; they end with the replica" in caplog.text
        assert ask(connection) == 200


def test_a_pool_that_does_not_come_up_is_taken_back(place: HaproxySite, replicas: dict[str, Replica]) -> None:
    place.balancer().apply(backends(replicas, "dtr1"))
    before = place.local.path.read_text()
    replicas["dtr2"].fail()
    with pytest.raises(NotReadyError, match="dtr2 is DOWN"):
        place.balancer(up_within=8).apply(backends(replicas, "dtr1", "dtr2"))
    assert place.local.path.read_text() == before
    with client(place) as connection:
        assert ask(connection) == 200


def test_a_first_pool_that_does_not_come_up_leaves_no_file_and_no_haproxy(
    place: HaproxySite, replicas: dict[str, Replica]
) -> None:
    replicas["dtr1"].fail()
    with pytest.raises(NotReadyError):
        place.balancer(up_within=1).apply(backends(replicas, "dtr1"))
    assert not place.local.path.exists()
    status = ("service", "haproxy", "status")
    wait_until(
        lambda: None if place.local.connection.run(status).status else "it runs",
        where="lb1",
        timeout=20,
        poll=0.1,
    )


def test_the_configuration_before_is_kept_and_put_back_when_the_reload_fails(
    place: HaproxySite, replicas: dict[str, Replica]
) -> None:
    balancer = place.balancer()
    balancer.apply(backends(replicas, "dtr1"))
    first = place.local.path.read_text()
    balancer.apply(backends(replicas, "dtr2"))
    second = place.local.path.read_text()
    assert place.local.path.with_suffix(".cfg.previous").read_text() == first
    place.local.break_reloads()
    with pytest.raises(RefusedError, match="HAProxy could not be reloaded"):
        balancer.apply(backends(replicas, "dtr1", "dtr2"))
    assert place.local.path.read_text() == second


def test_what_a_person_wrote_is_judged_and_not_replaced(
    place: HaproxySite, replicas: dict[str, Replica]
) -> None:
    place.local.path.write_text(by_hand(place))
    pool = backends(replicas, "dtr1")
    foreign, *others = place.balancer().check(pool)
    assert (foreign.level, foreign.error) == (Level.BLOCKS, ForeignFileError)
    assert f"nothing takes port {place.site.front.https_port}" in [finding.what for finding in others]
    with pytest.raises(ForeignFileError, match=r"was written by hand.*\nNext: .*`take_over: true`"):
        place.balancer().apply(pool)
    assert place.local.path.read_text() == by_hand(place)
    found = place.balancer(take_over=True).check(pool)
    assert {finding.level for finding in found} == {Level.WARNING}
    place.balancer(take_over=True).apply(pool)
    assert place.local.path.read_text().startswith(MARKER)


def test_every_configuration_of_somebody_else_is_kept_for_good_and_once(
    place: HaproxySite, replicas: dict[str, Replica]
) -> None:
    balancer, pool, other = place.balancer(take_over=True), backends(replicas, "dtr1"), "# of another\n"
    for text in (by_hand(place), by_hand(place), other + by_hand(place)):
        place.local.path.write_text(text)
        balancer.apply(pool)
    kept = sorted(place.local.folder.glob("haproxy.cfg.before-runbooks*"))
    assert [path.read_text() for path in kept] == [by_hand(place), other + by_hand(place)]


def test_an_invalid_configuration_changes_nothing(place: HaproxySite, replicas: dict[str, Replica]) -> None:
    balancer = place.balancer()
    balancer.apply(backends(replicas, "dtr1"))
    before = (place.local.path.read_text(), place.local.process)
    with pytest.raises(RefusedError, match="HAProxy refuses the new configuration"):
        balancer.apply([Backend("dtr1", "no-such-host.invalid")])
    assert (place.local.path.read_text(), place.local.process) == before
    assert not list(place.local.folder.glob("*.new"))


def test_what_is_kept_of_it_is_its_configuration(place: HaproxySite, replicas: dict[str, Replica]) -> None:
    place.balancer().apply(backends(replicas, "dtr1"))
    assert place.balancer().described() == {
        "kind": "haproxy",
        "address": "127.0.0.1",
        "configuration": place.local.path.read_text(),
    }
