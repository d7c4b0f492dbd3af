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

from runbook.domain.errors import MismatchError, RefusedError
from runbook.remote.ssh import SshConnection

logger = logging.getLogger(__name__)

STATS_PORT = 8181
CONFIG_PATH = "/etc/haproxy/haproxy.cfg"
_POOL = "replicas_https"
_QUESTION = b"GET /;csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_ALERT = re.compile(r"^\[ALERT\]\s*(?:\(\d+\)\s*:\s*)?(?P<text>.*)$", re.MULTILINE)

_APPLY = """
set -e
path=$1; new=$2
[ ! -e "$path" ] || cp -p "$path" "$path.previous"
mv -f "$new" "$path"
service haproxy reload || service haproxy restart
"""
_BACK = """
[ ! -e "$1.previous" ] || cp -p "$1.previous" "$1"
service haproxy reload || service haproxy restart
"""


@dataclass(frozen=True)
class Backend:
    """A replica as the load balancer reaches it."""

    name: str
    address: str
    https_port: int = 443
    http_port: int = 80


@dataclass(frozen=True)
class ServerState:
    """What HAProxy thinks of a server: its status word (`UP`, `DOWN`, …) and why."""

    status: str
    why: str

    @property
    def up(self) -> bool:
        """Tell whether it was probed and found well; before its first probe HAProxy calls every server up."""
        return self.status == "UP" and not self.why.startswith(("INI", "*"))


def render(
    pool: Sequence[Backend], *, probe_path: str, external_host: str, stats_port: int = STATS_PORT
) -> str:
    """Return the configuration for this pool, in order of name."""
    for text in [external_host, *(value for backend in pool for value in (backend.name, backend.address))]:
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
        external_host=external_host,
        stats_port=stats_port,
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
        self, connection: SshConnection, config_path: str = CONFIG_PATH, stats_port: int = STATS_PORT
    ) -> None:
        self._connection = connection
        self._where = connection.target.name
        self._path = config_path
        self._stats_port = stats_port

    def read(self) -> str:
        """Return the configuration as it is, empty when there is none."""
        done = self._connection.run(("sh", "-c", '[ ! -e "$1" ] || cat "$1"', "sh", self._path))
        if done.status != 0:
            raise self._refusal(f"{self._path} cannot be read: {_words(done.stderr)}")
        return done.stdout.decode(errors="replace")

    def apply(self, text: str) -> None:
        """Leave HAProxy running with `text`; an invalid one changes nothing, a failed reload is taken back."""
        new = f"{self._path}.new"
        self._connection.put_file(new, text.encode(), 0o644)
        checked = self._connection.run(("haproxy", "-c", "-f", new))
        if checked.status != 0:
            self._connection.run(("rm", "-f", new))
            raise self._refusal(f"HAProxy refuses the new configuration: {_alert(checked.stderr)}")
        done = self._connection.run(("sh", "-c", _APPLY, "sh", self._path, new))
        if done.status != 0:
            self._connection.run(("sh", "-c", _BACK, "sh", self._path))
            raise self._refusal(f"HAProxy could not be reloaded: {_words(done.stdout + done.stderr)}")
        logger.info("%s: HAProxy runs with a new configuration", self._where)

    def pool_state(self) -> dict[str, ServerState]:
        """Return what HAProxy thinks of each replica of its pool."""
        answer = self._connection.ask_local_port(self._stats_port, _QUESTION)
        return parse_pool(self._where, _body(answer).decode(errors="replace"))

    def _refusal(self, what: str) -> RefusedError:
        return RefusedError(self._where, what, "read HAProxy's log there, mend the cause, then rerun")


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


def _alert(stderr: bytes) -> str:
    text = stderr.decode(errors="replace")
    found = [match["text"].strip() for match in _ALERT.finditer(text)]
    return found[0] if found else _words(stderr)


def _words(output: bytes) -> str:
    return "; ".join(output.decode(errors="replace").strip().splitlines()) or "no reason given"
