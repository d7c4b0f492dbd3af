"""Ports of a node that something listens on, and what that means for a new replica."""

import re
from collections.abc import Iterable, Mapping

from runbook.domain.errors import RefusedError

_LISTENING = re.compile(r"^ *\d+: [0-9A-F]+:(?P<port>[0-9A-F]{4}) [0-9A-F]+:0000 0A ", re.MULTILINE)
_PUBLISHED = re.compile(r":(\d+)(?:-(\d+))?->\d+(?:-\d+)?/tcp")


def listening_in(table: str) -> frozenset[int]:
    """Return the ports in the text of `/proc/net/tcp` (or `tcp6`) that something listens on."""
    return frozenset(int(match["port"], 16) for match in _LISTENING.finditer(table))


def published_in(listed: str) -> dict[int, str]:
    """Return the container that publishes each port, of lines with a name and what `docker ps` calls its ports."""
    found: dict[int, str] = {}
    for line in listed.splitlines():
        name, _, ports = line.partition("\t")
        for first, last in _PUBLISHED.findall(ports):
            found |= dict.fromkeys(range(int(first), int(last or first) + 1), name)
    return found


def refuse_taken(
    node: str, wanted: Iterable[int], listening: Iterable[int], published: Mapping[int, str]
) -> None:
    """Return if all wanted ports are free on the node, else RefusedError names each that is not."""
    taken = {*listening, *published}
    found = [_shown(port, published.get(port)) for port in wanted if port in taken]
    if found:
        raise RefusedError(
            node,
            f"no replica can be put there: {' and '.join(found)}",
            "free them, or choose other ports: registry.http_port and registry.https_port of the cluster file",
        )


def _shown(port: int, container: str | None) -> str:
    return (
        f"port {port} is taken by {f'the container {container}' if container else 'a program of the machine'}"
    )
