"""Asking a node which of its ports are taken."""

from collections.abc import Iterable

from runbook.domain.errors import UnreachableError
from runbook.domain.taken_ports import listening_in, published_in, refuse_taken
from runbook.remote.image_distribution import Node

_TABLES = "cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null; true"  # a kernel may have no IPv6


def require_free_ports(where: str, node: Node, ports: Iterable[int]) -> None:
    """Return if nothing on the node listens on the ports or publishes them, else RefusedError names what does."""
    tables = node.run(("sh", "-c", _TABLES)).stdout.decode()
    listed = node.run(("docker", "ps", "--format", "{{.Names}}\t{{.Ports}}"))
    if listed.status:
        what = listed.stderr.decode(errors="replace").strip() or f"docker ps ended with {listed.status}"
        raise UnreachableError(where, what, f"start the engine on {where}, then rerun")
    refuse_taken(where, ports, listening_in(tables), published_in(listed.stdout.decode(errors="replace")))
