"""Ports of 127.0.0.1."""

import socket

from lab.waiting import wait_until


def free_port() -> int:
    """Return one that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, where: str) -> None:
    """Return once somebody answers there."""
    wait_until(lambda: _why_not(port), where, "run `make bench` again", seconds=60, every=0.05)


def _why_not(port: int) -> str | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError as exc:
        return f"it does not answer: {exc}"
    return None
