"""The registry's external URL: what users type, and what the load balancer listens on."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator

HTTP, HTTPS = 80, 443
_MAX_PORT = 65535
_URL = re.compile(r"https://(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


def host_and_port(url: Any) -> tuple[str, int] | None:
    """Return the host and the port of an external URL, None where it is none."""
    parts = _URL.fullmatch(url) if isinstance(url, str) else None
    if parts is None:
        return None
    port = int(parts["port"] or HTTPS)
    return (parts["host"], port) if 1 <= port <= _MAX_PORT else None


def _check(url: str) -> str:
    if host_and_port(url) is None:
        raise ValueError("must be https://HOST or https://HOST:PORT, nothing behind it")
    return url


ExternalUrl = Annotated[str, AfterValidator(_check)]
