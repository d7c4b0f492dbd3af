"""Asking a node which of its ports are taken."""

from collections.abc import Iterable

from runbook.domain.errors import UnreachableError
from runbook.domain.taken_ports import listeners_in, published_in, refuse_taken
from runbook.remote.image_distribution import Node

LISTENERS = "ss -ltnp 2>/dev/null || cat /proc/net/tcp /proc/net/tcp6 2>/dev/null"
"""What prints them; a node may lack `ss`, and a kernel IPv6."""


def require_free_ports(where: str, node: Node, ports: Iterable[int]) -> None:
    """Return if nothing on the node listens on the ports or publishes them, else RefusedError names what does."""
    tables = node.run(("sh", "-c", LISTENERS)).stdout.decode(errors="replace")
    listed = node.run(("docker", "ps", "--format", "{{.Names}}\t{{.Ports}}"))
    if listed.status:
        what = listed.stderr.decode(errors="replace").strip() or f"docker ps ended with {listed.status}"
        raise UnreachableError(where, what, f"start the engine on {where}, then rerun")
    rows = [line.partition("\t") for line in listed.stdout.decode(errors="replace").splitlines()]
    published = {port: name for name, _, shown in rows for port in published_in(shown)}
    refuse_taken(where, ports, listeners_in(tables.splitlines()), published)
