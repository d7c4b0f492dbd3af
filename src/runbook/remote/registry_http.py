"""HTTPS to the registry: one place for trust, time-outs and what its refusals mean."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus

import httpx

from runbook.domain.errors import InvalidConfigError, RefusedError, UnreachableError

_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_SHOWN = 300


class NotFoundError(RefusedError):
    """The registry does not have what was asked for."""


class UnlicensedError(RefusedError):
    """The registry takes no image, for it has no licence."""


@cache  # reading the system's authorities takes 20 ms, and every look at the replicas asks
def trusting(ca_pem: str | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and `ca_pem`."""
    context = ssl.create_default_context()
    if ca_pem:
        try:
            context.load_verify_locations(cadata=ca_pem)
        except ssl.SSLError as exc:
            raise InvalidConfigError(
                "registry CA", f"it is no PEM certificate: {exc}", "give the CA's PEM text"
            ) from exc
    return context


def trusting_anyone() -> ssl.SSLContext:
    """Return a context that checks no certificate, for health probes of one replica by its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no authority is read that nobody would ask
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client(
    url: str, context: ssl.SSLContext, *, server_name: str | None = None, connects: int = 3
) -> httpx.Client:
    """Return a client that tries to connect `connects` times and waits no longer than is of use.

    With `server_name` it asks for that host, and wants its certificate, wherever `url` leads: one replica
    is reached by its node's address, and its certificate names the external URL's host.
    """
    transport = httpx.HTTPTransport(verify=context, retries=connects - 1)
    hooks = {"request": [_asking_for(server_name)]} if server_name else {}
    # a proxy or CA of this machine's environment is not meant for the cluster
    return httpx.Client(
        base_url=url, transport=transport, timeout=_TIMEOUT, trust_env=False, event_hooks=hooks
    )


def _asking_for(server_name: str) -> Callable[[httpx.Request], None]:
    def ask(request: httpx.Request) -> None:
        request.headers["Host"] = server_name
        request.extensions["sni_hostname"] = server_name

    return ask


def address_of(request: httpx.Request) -> str:
    """Return method and URL for a message; a query may hold an upload's state and is left out."""
    return f"{request.method} {request.url.copy_with(query=None)}"


@contextmanager
def http_errors(where: str) -> Iterator[None]:
    """Turn what httpx raises inside the block into our errors, naming `where`."""
    try:
        yield
    except httpx.TransportError as exc:
        if "CERTIFICATE_VERIFY_FAILED" in str(exc):
            next_step = "give the registry's CA, or correct the external URL"
            raise RefusedError(where, f"its certificate is not trusted: {exc}", next_step) from exc
        what = f"it does not answer: {exc or type(exc).__name__}"
        raise UnreachableError(where, what, "check the load balancer and the replicas, then rerun") from exc
    except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.DecodingError) as exc:
        raise RefusedError(where, str(exc), "check the registry's external URL") from exc


def refuse_bad_answer(where: str, response: httpx.Response) -> None:
    """Raise what an answer of 400 and more means; the answer must have been read."""
    status = response.status_code
    if status < HTTPStatus.BAD_REQUEST:
        return
    what = f"it answered {status}: {_message(response)}"
    if status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(where, what, "check the name")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise RefusedError(where, what, "check the registry's user, its password and its rights")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        next_step = "upload its licence in its UI (System > General), then rerun"
        raise UnlicensedError(where, f"the registry has no licence: {what}", next_step)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise UnreachableError(where, what, "see that the registry is healthy, then rerun")
    raise RefusedError(where, what, "correct what it names, then rerun")


def _message(response: httpx.Response) -> str:
    """Return the codes and messages of the registry's error document, else the beginning of its text."""
    try:
        errors = response.json()["errors"]
        return "; ".join(f"{error['code']} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, KeyError, TypeError):
        return response.text[:_SHOWN].strip() or response.reason_phrase
