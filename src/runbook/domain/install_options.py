"""What an install is told beside node, ports and storage: its certificate and its way out.

The names of flags are the same in all versions, those of environment variables are not: what must not stand in
an argument list is given under both spellings.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TlsFlags:
    """The registry's own certificate, its chain appended, and the CA that clients trust; PEM, nothing secret."""

    certificate: str
    ca: str | None = None


@dataclass(frozen=True)
class ProxyFlags:
    """The proxy that the registry goes out through; a URL with a password in it is not here but in the environment."""

    http: str | None = None
    https: str | None = None
    no_proxy: str | None = None


TLS_KEY = "KEY"
HTTP_PROXY = "HTTP_PROXY"
HTTPS_PROXY = "HTTPS_PROXY"


def spellings(name: str) -> tuple[str, ...]:
    """Return the environment names of a value: manuals up to 2.8 print DTR_, those since print MSR_."""
    return f"DTR_{name}", f"MSR_{name}"


def make_tls_flags(tls: TlsFlags | None) -> tuple[str, ...]:
    """Return the flags of a certificate, none for one that the registry makes itself."""
    if tls is None:
        return ()
    return ("--dtr-cert", tls.certificate, *(("--dtr-ca", tls.ca) if tls.ca else ()))


def make_proxy_flags(proxy: ProxyFlags | None) -> tuple[str, ...]:
    """Return the flags of what may be seen of a proxy."""
    if proxy is None:
        return ()
    named = {"--http-proxy": proxy.http, "--https-proxy": proxy.https, "--no-proxy": proxy.no_proxy}
    return tuple(word for flag, value in named.items() if value for word in (flag, value))
