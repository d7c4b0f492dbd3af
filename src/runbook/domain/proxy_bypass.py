"""Which hosts a registry reaches without its proxy: the list `no_proxy`, as programs written in Go read it."""

from contextlib import suppress
from ipaddress import ip_address, ip_network


def is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Tell whether `host:port` is reached without the proxy.

    An entry is an address, a network such as 10.0.0.0/8, a domain with all below it, `.domain` for those below
    alone, or `*`; with `:port` it holds for that port only. This machine itself is never reached through a proxy.
    """
    entries = [entry for part in no_proxy.split(",") if (entry := part.strip().lower())]
    return _is_loopback(host) or any(_matches(entry, host.lower(), port) for entry in entries)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host.lower() == "localhost"


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    name, _, only = entry.partition(":")
    if only and only != str(port):
        return False
    below = name.removeprefix("*")
    return host == name or host.endswith(below if below.startswith(".") else f".{below}")
