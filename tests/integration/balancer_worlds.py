"""A load balancer of each kind in a world of its own, so that the same promises can be asked of all."""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from runbook.domain.commands import ReplicaPorts
from runbook.domain.load_balancer import Backend, Front
from runbook.remote.haproxy import Haproxy, HaproxyPlace
from runbook.remote.haproxy_config import Statistics
from runbook.remote.load_balancer import LoadBalancer, Site
from runbook.remote.manual_balancer import ManualBalancer, nodes_that_answer
from runbook.remote.nlb import AwsNlb, NlbPlace
from runbook.remote.nlb_api import ElbApi
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.ssh import SshConnection
from tests.fakes.nlb_site import NlbSite, nlb_site
from tests.fakes.tls_replicas import NAMES, TurnBalancer, tls_replicas
from tests.fakes.tls_site import Certificate
from tests.integration.local_haproxy import LocalHaproxy, local_haproxy

NAME = "lb1"
PATIENCE = 20.0  # for what must come true; a test that waits for what will not has little of it


@dataclass
class World:
    """A load balancer before three replicas."""

    balancer: LoadBalancer
    backends: dict[str, Backend]
    fail: Callable[[str], None]  # a replica, in the load balancer's eyes
    end_tls: Callable[[], None]
    changes: Callable[[], Any]  # differs once something was changed
    impatient: LoadBalancer  # the same one, given up on soon
    person: Callable[[Sequence[Backend]], None] = lambda _: None  # what somebody does who is asked to

    def pool(self, *names: str) -> list[Backend]:
        return [self.backends[name] for name in names]

    def apply(self, *names: str) -> None:
        self.person(self.pool(*names))
        self.balancer.apply(self.pool(*names))

    def members(self) -> list[str]:
        return sorted(name for name, member in self.balancer.pool_state().items() if member.up)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in found]


def never(*_: object) -> Any:
    raise AssertionError("this kind has no use for it")


@dataclass
class HaproxySite:
    """HAProxy on this machine, and how it is made again with other settings."""

    local: LocalHaproxy
    site: Site
    statistics: Statistics

    def balancer(self, **changes: Any) -> Haproxy:
        place = {"config_path": str(self.local.path), "statistics": self.statistics, "up_within": PATIENCE}
        return Haproxy(self.site, HaproxyPlace(NAME, **{**place, **changes}))


@contextmanager
def haproxy_site(folder: Path) -> Iterator[HaproxySite]:
    https, http, statistics = free_ports(3)
    with local_haproxy(folder) as local:

        def ssh(_: str) -> SshConnection:
            return local.connection

        site = Site(Front("127.0.0.1", https, http), ssh, {}, never)
        yield HaproxySite(local, site, Statistics(statistics))


@contextmanager
def haproxy_world(folder: Path) -> Iterator[World]:
    with haproxy_site(folder) as place, tls_replicas(Certificate(folder)) as replicas:
        path = place.local.path

        def end_tls() -> None:
            text = path.read_text()
            bind = f"bind *:{place.site.front.https_port}"
            path.write_text(text.replace(bind, f"{bind} ssl crt /etc/ssl/one.pem"))

        yield World(
            place.balancer(take_over=True, drain_within=PATIENCE),
            {name: replica.backend for name, replica in replicas.items()},
            lambda name: replicas[name].fail(),
            end_tls,
            lambda: (path.read_text(), place.local.process),
            place.balancer(take_over=True, up_within=3),
        )


def nlb(site: NlbSite, group: str, https_port: int = 443, **changes: Any) -> AwsNlb:
    place = {"healthy_within": PATIENCE, "poll": 0.05}
    addresses = {name: f"10.0.0.1{n}" for n, name in enumerate(NAMES)}
    return AwsNlb(
        ElbApi(NAME, site.access()),
        Site(Front("registry.example"), never, addresses, never, ReplicaPorts(https=https_port)),
        NlbPlace(NAME, group, **{**place, **changes}),
    )


@contextmanager
def nlb_world(_folder: Path) -> Iterator[World]:
    with nlb_site() as site:
        group = site.new_group(443)
        listener = site.listen(group, 443)
        balancer = nlb(site, group)
        backends = {name: Backend(name, f"10.0.0.1{n}") for n, name in enumerate(NAMES)}

        yield World(
            balancer,
            backends,
            lambda name: site.unhealthy.add(backends[name].address),
            lambda: site.end_tls(listener),
            lambda: list(site.changes),
            nlb(site, group, healthy_within=0.5),
        )


class _Person(logging.Handler):
    """Somebody who reads the log and does what it asks for, on a balancer of their own."""

    def __init__(self, balancer: TurnBalancer) -> None:
        super().__init__()
        self._balancer = balancer
        self.asked: list[str] = []
        self.will: Sequence[Backend] = ()

    def emit(self, record: logging.LogRecord) -> None:
        if "do this by hand" in record.getMessage():
            self.asked.append(record.getMessage())
            self._balancer.pool = self.will


@contextmanager
def manual_world(folder: Path) -> Iterator[World]:
    certificate, other = Certificate(folder), folder / "other"
    other.mkdir()
    turn = TurnBalancer()
    person = _Person(turn)
    log = logging.getLogger(ManualBalancer.__module__)
    url = f"https://127.0.0.1:{turn.port}"

    def answering(times: int) -> Iterator[str]:
        ca, password = certificate.pem.decode(), SecretStr("secret")
        with RegistryAdmin(url, ca, "admin", password, keep_alive=False) as admin:
            yield from nodes_that_answer(admin, times)

    with tls_replicas(certificate) as replicas:
        backends = {name: replica.backend for name, replica in replicas.items()}
        site = Site(
            Front("127.0.0.1", turn.port), never, {b.name: b.address for b in backends.values()}, answering
        )

        def fail(name: str) -> None:
            replicas[name].fail()
            turn.pool = [backend for backend in turn.pool if backend.name != name]  # its own probe says so

        log.addHandler(person)
        yield World(
            ManualBalancer(NAME, site, PATIENCE, 0.05),
            backends,
            fail,
            lambda: setattr(turn, "certificate", Certificate(other)),
            lambda: list(person.asked),
            ManualBalancer(NAME, site, 0.5, 0.05),
            lambda pool: setattr(person, "will", pool),
        )
        log.removeHandler(person)
        turn.close()
