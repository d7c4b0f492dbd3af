"""HAProxy in front of the replicas: TCP passthrough, each replica probed for itself, changed over SSH."""

import csv
import http.client
import io
import logging
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined

from runbook.domain.errors import MismatchError
from runbook.remote.haproxy_file import MARKER, HaproxyFile
from runbook.remote.ssh import SshConnection

logger = logging.getLogger(__name__)

HTTP_PORT = 80
STATS_PORT = 8181
LOOPBACK = "127.0.0.1"
EVERYWHERE = "*"
CONFIG_PATH = "/etc/haproxy/haproxy.cfg"
_POOL = "replicas_https"
_QUESTION = b"GET /;csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True)
class Backend:
    """A replica as the load balancer reaches it."""

    name: str
    address: str
    https_port: int = 443
    http_port: int = 80


@dataclass(frozen=True)
class Front:
    """What the load balancer is called and listens on; its statistics are read over loopback in any case."""

    host: str
    https_port: int = 443
    stats_port: int = STATS_PORT
    stats_address: str = LOOPBACK

    @property
    def stats_addresses(self) -> tuple[str, ...]:
        """The addresses of the statistics page."""
        apart = self.stats_address not in {LOOPBACK, EVERYWHERE}
        return (LOOPBACK, self.stats_address) if apart else (self.stats_address,)


@dataclass(frozen=True)
class ServerState:
    """What HAProxy thinks of a server: its status word (`UP`, `DOWN`, …) and why."""

    status: str
    why: str

    @property
    def up(self) -> bool:
        """Tell whether it was probed and found well; before its first probe HAProxy calls every server up."""
        return self.status == "UP" and not self.why.startswith(("INI", "*"))


def render(pool: Sequence[Backend], *, probe_path: str, front: Front) -> str:
    """Return the configuration for this pool, in order of name."""
    for text in [front.host, *(value for backend in pool for value in (backend.name, backend.address))]:
        if not _SAFE_NAME.fullmatch(text):
            raise ValueError(f"'{text}' cannot stand in HAProxy's configuration")
    environment = Environment(
        loader=PackageLoader("runbook.remote"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # it is no HTML
    )
    return environment.get_template("haproxy.cfg.j2").render(
        pool=sorted(pool, key=lambda backend: backend.name),
        probe_path=probe_path,
        front=front,
        http_port=HTTP_PORT,
        marker=MARKER,
    )


def why_not_up(states: Mapping[str, ServerState], wanted: Iterable[str]) -> str | None:
    """Return what keeps the pool from being exactly the wanted servers, all of them up."""
    names = set(wanted)
    if missing := sorted(names - states.keys()):
        return f"{', '.join(missing)} not in its pool"
    if surplus := sorted(states.keys() - names):
        return f"{', '.join(surplus)} still in its pool"
    down = [
        f"{name} is {states[name].status} ({states[name].why})"
        for name in sorted(names)
        if not states[name].up
    ]
    return "; ".join(down) or None


class HaproxyOverSsh:
    """HAProxy on a machine that SSH reaches."""

    def __init__(
        self,
        connection: SshConnection,
        config_path: str = CONFIG_PATH,
        stats_port: int = STATS_PORT,
        *,
        take_over: bool = False,
    ) -> None:
        self._connection = connection
        self._where = connection.target.name
        self._file = HaproxyFile(connection, config_path, take_over=take_over)
        self._stats_port = stats_port

    def read(self) -> str:
        """Return the configuration as it is, empty when there is none."""
        return self._file.read()

    def require_replaceable(self) -> None:
        """Raise ForeignFileError where the configuration is somebody else's."""
        self._file.require_replaceable()

    def apply(self, text: str) -> None:
        """Leave HAProxy running with `text`; an invalid one changes nothing, a failed reload is taken back."""
        self._file.require_replaceable()
        self._file.replace(text)
        logger.info("%s: HAProxy runs with a new configuration", self._where)

    def pool_state(self) -> dict[str, ServerState]:
        """Return what HAProxy thinks of each replica of its pool."""
        answer = self._connection.ask_local_port(self._stats_port, _QUESTION)
        return parse_pool(self._where, _body(answer).decode(errors="replace"))


def parse_pool(where: str, table: str) -> dict[str, ServerState]:
    """Return the replicas in HAProxy's table of statistics (CSV)."""
    if not table.startswith("# pxname,"):
        raise MismatchError(
            where,
            "its statistics page does not answer as HAProxy's does",
            "see which service listens on the statistics port, then rerun",
        )
    rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
    return {
        row["svname"]: ServerState(row["status"], _why(row))
        for row in rows
        if row["pxname"] == _POOL and row["svname"] != "BACKEND"
    }


class _Received:
    """Bytes that have come, where a socket is expected."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _body(answer: bytes) -> bytes:
    response = http.client.HTTPResponse(cast(socket.socket, _Received(answer)))
    try:
        response.begin()
        return response.read()
    except http.client.HTTPException:
        return b""  # whoever answers, it is not HAProxy


def _why(row: Mapping[str, str]) -> str:
    parts = (row.get("check_status"), row.get("check_code"), row.get("last_chk") or row.get("check_desc"))
    return " ".join(part for part in parts if part)
