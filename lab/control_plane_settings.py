"""The control plane's TOML configuration, read and written as its administrator."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from lab import control_plane
from lab.identity import ADMIN, read_secret
from lab.topology import Topology

_REGISTRIES = "[[registries]]"
_QUOTES = '"""'
_SCHEDULING = re.compile(r"^(\s*enable_admin_ucp_scheduling\s*=\s*)(true|false)", re.MULTILINE)
_PATH = "/api/ucp/config-toml"


def forget_registries(topology: Topology) -> None:
    """Leave the control plane with no registry in its configuration."""
    _change(topology, without_registries)


def allow_scheduling(topology: Topology, *, on: bool) -> None:
    """Leave administrators with, or without, the right to deploy on managers and nodes of the registry."""
    word = "true" if on else "false"
    _change(topology, lambda text: _SCHEDULING.sub(rf"\g<1>{word}", text))


def without_registries(configuration: str) -> str:
    """Return the TOML text without its ``[[registries]]`` tables."""
    kept: list[str] = []
    inside_registry = inside_text = False
    for line in configuration.splitlines(keepends=True):
        if line.lstrip().startswith("[") and not inside_text:
            inside_registry = line.strip() == _REGISTRIES
        if not inside_registry:
            kept.append(line)
        inside_text ^= line.count(_QUOTES) % 2 == 1
    return "".join(kept)


def _change(topology: Topology, changed: Callable[[str], str]) -> None:
    """Leave the configuration changed; one that is so already is not written."""
    with administrator(topology) as client:
        before = client.get(_PATH).raise_for_status().text
        after = changed(before)
        if after != before:
            client.put(_PATH, content=after).raise_for_status()


@contextmanager
def administrator(topology: Topology) -> Iterator[httpx.Client]:
    """Yield a client that is logged in as the administrator."""
    login = {"username": ADMIN, "password": read_secret("control-plane-password")}
    with control_plane.client(topology) as client:
        answer = client.post("/auth/login", json=login).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['auth_token']}"
        yield client
