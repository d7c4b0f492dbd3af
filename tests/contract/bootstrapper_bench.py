"""The bootstrapper under test, run with the docker client of the manager, and what it leaves behind."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.contract.control_plane_client import ADMIN, Plane, wait_until
from tests.contract.registry_client import RegistryClient

VERSION = "2.9.29"
IMAGE = f"lab/dtr:{VERSION}"
OLD_IMAGE = "lab/dtr:2.4.1"
NEXT_VERSION = "2.10.4"
NEXT_IMAGE = f"lab/dtr:{NEXT_VERSION}"
FIRST, SECOND, THIRD, FOURTH = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"
SUBNET = "198.19.64.0/24"
_LOG_LINE = re.compile(r"(INFO|WARN|ERRO|FATA|DEBU)\[\d{4}\] ")


class Completed(Protocol):
    """A command that has ended."""

    status: int
    stdout: bytes
    stderr: bytes


RunDocker = Callable[..., Completed]


@dataclass(frozen=True)
class Outcome:
    """How a run of the bootstrapper ended."""

    status: int
    stdout: bytes
    log: str

    @property
    def last(self) -> str:
        """The last line of the log."""
        return self.log.strip().splitlines()[-1]


@dataclass(frozen=True)
class Bench:
    """A lab without a registry, and the means to make and unmake one."""

    plane: Plane
    run_docker: RunDocker = field(repr=False)
    clients: list[RegistryClient] = field(default_factory=list, repr=False)

    def run(
        self, *arguments: str, stdin: bytes = b"", image: str = IMAGE, docker: tuple[str, ...] = ()
    ) -> Outcome:
        """Run the bootstrapper as `docker run -i --rm`."""
        options = docker or ("-i",)
        done = self.run_docker(
            ["run", "--rm", "--log-driver", "none", *options, image, *arguments], stdin=stdin
        )
        return Outcome(done.status, done.stdout, done.stderr.decode())

    def boot(self, command: str, *arguments: str, stdin: bytes = b"", image: str = IMAGE) -> Outcome:
        """Run a command with all that it needs to reach the control plane."""
        secret = ("-i", "--env", f"UCP_PASSWORD={self.plane.password}")
        return self.run(command, *self.access(), *arguments, stdin=stdin, image=image, docker=secret)

    def interrupted(
        self,
        when: Callable[[], bool],
        command: str,
        *arguments: str,
        image: str = IMAGE,
        then: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Run a command whose phase 2 is killed as soon as the condition holds, and look at once after that."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            run = pool.submit(self.boot, command, *arguments, image=image)
            try:
                wait_until(lambda: when() or run.done(), seconds=90)
            finally:
                self.plane.http.delete("/containers/dtr-phase2", params={"force": "1"})
            then()
            return run.result()

    def access(self) -> tuple[str, ...]:
        """Return the flags that name the control plane and its administrator."""
        authority = self.plane.ca_file.read_text()
        return ("--ucp-url", self.plane.url, "--ucp-username", ADMIN, "--ucp-ca", authority)

    def install(self, node: str, replica: str = FIRST, *more: str) -> Outcome:
        """Install on a node."""
        place = ("--ucp-node", node, "--replica-id", replica)
        return self.boot("install", *place, "--overlay-subnet", SUBNET, *more)

    def join(self, node: str, replica: str, *more: str) -> Outcome:
        """Join a node through the first replica."""
        existing = () if "--existing-replica-id" in more else ("--existing-replica-id", FIRST)
        return self.boot("join", "--ucp-node", node, "--replica-id", replica, *existing, *more)

    def workers(self) -> list[str]:
        """Return the names of the nodes that may hold a replica."""
        seen = self.plane.http.get("/nodes").raise_for_status().json()
        return sorted(node["Description"]["Hostname"] for node in seen if not node.get("ManagerStatus"))

    def address(self, node: str) -> str:
        """Return the address of a node."""
        seen = self.plane.http.get("/nodes").raise_for_status().json()
        return next(str(each["Status"]["Addr"]) for each in seen if each["Description"]["Hostname"] == node)

    def registry(self, node: str, port: int = 443) -> RegistryClient:
        """Return a client of the replica on a node."""
        url = f"https://{self.address(node)}:{port}"
        client = RegistryClient.trusting_control_plane(url, self.plane.http, ADMIN, self.plane.password)
        self.clients.append(client)
        return client

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return all containers whose name begins with dtr-, by `<node>/<name>`."""
        seen = self.plane.http.get("/containers/json", params={"all": "1"}).raise_for_status().json()
        named = {each["Names"][0].lstrip("/"): each for each in seen}
        return {name: each for name, each in named.items() if name.split("/")[1].startswith("dtr-")}

    def versions(self, replica: str) -> set[str]:
        """Return the versions that the containers of a replica say."""
        seen = {name: each for name, each in self.containers().items() if name.endswith(replica)}
        return {str(each["Labels"]["com.docker.dtr.version"]) for each in seen.values()}

    def left_of(self, replica: str) -> list[str]:
        """Return the containers and volumes of a replica."""
        return [name for name in (*self.containers(), *self.volumes()) if name.endswith(replica)]

    def volumes(self) -> list[str]:
        """Return all volumes whose name begins with dtr-, as `<node>/<name>`."""
        seen = self.plane.http.get("/volumes").raise_for_status().json()["Volumes"] or []
        return sorted(each["Name"] for each in seen if each["Name"].split("/")[1].startswith("dtr-"))

    @classmethod
    @contextmanager
    def opened(cls, plane: Plane, run_docker: RunDocker) -> Iterator["Bench"]:
        """Give a bench on a lab without a registry, and leave the lab so."""
        bench = cls(plane, run_docker)
        bench.clean()
        try:
            yield bench
        finally:
            bench.clean()
            for client in bench.clients:
                client.http.close()

    def clean(self) -> None:
        """Leave neither a container nor a volume of a registry."""
        for name in self.containers():
            self.plane.http.delete(f"/containers/{name}", params={"force": "1", "v": "1"}).raise_for_status()
        for name in self.volumes():
            self.plane.http.delete(f"/volumes/{name}", params={"force": "1"}).raise_for_status()

    def database(self, node: str, *command: str, replica: str = FIRST) -> str:
        """Run a command of the database's client in a replica."""
        name = f"{node}/dtr-rethinkdb-{replica}"
        done = self.plane.cli("exec", name, "etcdctl", "--endpoints", "http://127.0.0.1:28015", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    @contextmanager
    def switched_on(self, node: str, name: str, value: str = "1") -> Iterator[None]:
        """Have a fault as long as the block runs."""
        self.database(node, "put", f"/faults/{name}", value)
        try:
            yield
        finally:
            self.database(node, "del", f"/faults/{name}")

    @contextmanager
    def occupied(self, node: str, name: str, **config: Any) -> Iterator[None]:
        """Have a container of somebody else on a node as long as the block runs."""
        created = self.plane.create(name, f"node=={node}", "sleep", "600", **config).raise_for_status().json()
        try:
            self.plane.http.post(f"/containers/{created['Id']}/start").raise_for_status()
            yield
        finally:
            self.plane.http.delete(f"/containers/{created['Id']}", params={"force": "1"})


def is_log(text: str) -> bool:
    """Tell whether every line is one of the bootstrapper's log."""
    return all(_LOG_LINE.match(line) for line in text.splitlines())
