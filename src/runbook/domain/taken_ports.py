"""Ports of a node that something listens on, and what that means for a new replica."""

import re
from collections.abc import Iterable, Mapping

from runbook.domain.errors import RefusedError

_OF_SS = re.compile(r'^LISTEN\s+\d+\s+\d+\s+\S*:(?P<port>[0-9]{1,5})\s(?:.*users:\(\("(?P<program>[^"]*)")?')
_OF_KERNEL = re.compile(r"^ *\d+: [0-9A-F]+:(?P<port>[0-9A-F]{4}) [0-9A-F]+:0000 0A ")
_PUBLISHED = re.compile(r":([0-9]{1,5})(?:-([0-9]{1,5}))?->\d+(?:-\d+)?/tcp")
NEXT = (
    "stop that, or give replicas other ports: registry.http_port and registry.https_port of the cluster file"
)


def listeners_in(lines: Iterable[str]) -> dict[int, str]:
    """Return port and program of each listener, as `ss -ltnp` shows them, or the kernel, which names no program."""
    found: dict[int, str] = {}
    for line in lines:
        if match := _OF_SS.match(line):
            found[int(match["port"])] = match["program"] or ""
        elif match := _OF_KERNEL.match(line):
            found[int(match["port"], 16)] = ""
    return found


def published_in(ports: str) -> tuple[int, ...]:
    """Return the node's TCP ports in `0.0.0.0:443->443/tcp, :::8000-8001->8000-8001/tcp`."""
    found: set[int] = set()
    for first, last in _PUBLISHED.findall(ports):
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def why_taken(
    wanted: Iterable[int], listeners: Mapping[int, str], published: Mapping[int, str]
) -> str | None:
    """Say what holds each wanted port, a container that publishes it or a program; None if all are free."""
    taken = [port for port in sorted(wanted) if port in listeners or port in published]
    holders = (
        f"container {published[port]}" if port in published else listeners[port] or "a process"
        for port in taken
    )
    said = [f"port {port} is taken by {holder}" for port, holder in zip(taken, holders, strict=True)]
    return ", ".join(said) or None


def refuse_taken(
    node: str, wanted: Iterable[int], listeners: Mapping[int, str], published: Mapping[int, str]
) -> None:
    """Return if all wanted ports are free on the node, else RefusedError names each that is not."""
    if why := why_taken(wanted, listeners, published):
        raise RefusedError(node, f"no replica can be put there: {why}", NEXT)
