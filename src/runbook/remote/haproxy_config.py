"""HAProxy's configuration: written for a pool, and one of anybody's read for how it treats a port."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined

from runbook.domain.load_balancer import WRITERS, Backend, Front, Setup
from runbook.remote.haproxy_file import MARKER

LOOPBACK = "127.0.0.1"
EVERYWHERE = "*"
STATS_PORT = 8181
_SAFE_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_SECTIONS = {"global", "defaults", "frontend", "backend", "listen"}
_TIME = re.compile(r"(\d+)(us|ms|s|m|h|d)?")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FROM_BIND = re.compile(r"(?:^|:)(\d+)$")
_TLS = {"ssl", "crt"}


@dataclass(frozen=True)
class Statistics:
    """Where HAProxy tells what it thinks of its servers; over loopback in any case."""

    port: int = STATS_PORT
    address: str = LOOPBACK

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the statistics page."""
        apart = self.address not in {LOOPBACK, EVERYWHERE}
        return (LOOPBACK, self.address) if apart else (self.address,)


def render(pool: Sequence[Backend], front: Front, statistics: Statistics) -> str:
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
        front=front,
        statistics=statistics,
        marker=MARKER,
        writers=WRITERS,
    )


@dataclass
class _Section:
    kind: str
    name: str
    defaults: "_Section | None"
    lines: list[list[str]] = field(default_factory=list)

    def find(self, *keywords: str) -> list[str] | None:
        """Return what follows the keywords where they stand last, in the section or else in its defaults."""
        size = len(keywords)
        for line in reversed(self.lines):
            if line[:size] == list(keywords):
                return line[size:]
        return self.defaults.find(*keywords) if self.defaults else None


class HaproxyConfig:
    """A configuration as HAProxy would read it, as far as a registry behind it is concerned."""

    def __init__(self, text: str) -> None:
        self._sections = list(_sections(text))

    def setups(self, front: Front) -> tuple[Setup, ...]:
        """Return how it treats each of the front's ports on which it listens."""
        seen = (
            self._setup(port, probed=port == front.https_port) for port in (front.https_port, front.http_port)
        )
        return tuple(setup for setup in seen if setup)

    def members(self, front: Front) -> frozenset[str]:
        """Return the names of the servers behind the port of the external URL."""
        listening = self._listening(front.https_port)
        backend = self._backend(listening) if listening else None
        return frozenset(line[1] for line in backend.lines if line[0] == "server") if backend else frozenset()

    def _setup(self, port: int, *, probed: bool) -> Setup | None:
        front = self._listening(port)
        if front is None:
            return None
        back = self._backend(front)
        servers = [line for line in back.lines if line[0] == "server"]
        mode = front.find("mode") or ["tcp"]
        binds = [line for line in front.lines if line[0] == "bind"]
        ends_tls = any(_TLS & set(line) for line in binds) or any("ssl" in line for line in servers)
        probe = _probe(back, servers) if probed else None
        return Setup(port, mode[0] == "tcp" and not ends_tls, probe, _idle(front, back))

    def _listening(self, port: int) -> _Section | None:
        for section in self._sections:
            binds = [line[1] for line in section.lines if line[0] == "bind" and len(line) > 1]
            places = [place for bind in binds for place in bind.split(",")]
            if any((found := _FROM_BIND.search(place)) and int(found[1]) == port for place in places):
                return section
        return None

    def _backend(self, front: _Section) -> _Section:
        name = front.find("default_backend")
        named = (s for s in self._sections if name and s.kind == "backend" and s.name == name[0])
        return next(named, front)  # a `listen` section is both


def _sections(text: str) -> Iterator[_Section]:
    section = defaults = None
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] in _SECTIONS:
            if section:
                yield section
            section = _Section(words[0], words[1] if len(words) > 1 else "", defaults)
            if section.kind == "defaults":
                section.defaults, defaults = None, section
        elif section:
            section.lines.append(words)
    if section:
        yield section


def _probe(back: _Section, servers: Sequence[Sequence[str]]) -> str:
    """Return how the servers are probed; empty where one of them is not."""
    asked = back.find("option", "httpchk")
    if not all("check" in line for line in servers):
        return ""
    if asked is None:
        return "a connection alone"
    sent = back.find("http-check", "send") or []
    uri = sent[sent.index("uri") + 1 :][:1] if "uri" in sent else []
    path = (uri or [word for word in asked if word.startswith("/")] or ["/"])[0]
    encrypted = all("check-ssl" in line for line in servers)
    return f"{'HTTPS' if encrypted else 'HTTP'} {path}"


def _idle(front: _Section, back: _Section) -> float | None:
    """Return the seconds of silence after which HAProxy ends a connection that has carried data both ways."""
    if tunnel := _seconds(back, "tunnel"):
        return tunnel
    given = [s for s in (_seconds(front, "client"), _seconds(back, "server")) if s is not None]
    return min(given, default=None)


def _seconds(section: _Section, what: str) -> float | None:
    value = section.find("timeout", what)
    match = _TIME.fullmatch(value[0]) if value else None
    return int(match[1]) * _SECONDS[match[2] or "ms"] if match else None
