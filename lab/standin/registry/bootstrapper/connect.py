"""Phase 1's way into UCP: what is missing is asked for, then certificate, login and health are checked."""

import ssl

import aiohttp

from registry.bootstrapper.arguments import Options
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.ucp import Ucp
from registry.control_plane import Accounts, Connection, ControlPlaneUnavailableError, normal_url

_QUESTIONS = {
    "ucp_url": ("ucp-url", "The UCP URL including domain and port"),
    "ucp_username": ("ucp-username", "The UCP administrator username"),
}


def complete(console: Console, options: Options, *, may_ask: bool) -> Options:
    """Return the options with URL, name and password of UCP."""
    missing = [name for name in (*_QUESTIONS, "ucp_password") if not options[name]]
    if missing and not may_ask:
        flags = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise FatalError(f"Failed to read {flags}: EOF unexpected end of file (stdin is the backup)")
    completed = dict(options)
    for name, question in _QUESTIONS.items():
        if name in missing:
            completed[name] = console.ask(*question)
    if "ucp_password" in missing:
        completed["ucp_password"] = console.ask_password()
    return completed


async def connect(session: aiohttp.ClientSession, console: Console, options: Options) -> Ucp:
    """Return the control plane, logged in and healthy; nothing was changed before this."""
    console.info("Validating UCP cert")
    connection = _connection(options)
    accounts = Accounts(session, connection)
    console.info("Connecting to UCP")
    try:
        token = await accounts.login(options["ucp_username"], options["ucp_password"])
    except ControlPlaneUnavailableError as exc:
        raise FatalError(
            f"Failed to connect to UCP, make sure that it is healthy and its CA is given: {exc}"
        ) from exc
    if token is None:
        raise FatalError(f"Failed to log in to UCP as {options['ucp_username']}: wrong user name or password")
    console.info("UCP cert validation successful")
    ucp = Ucp(session, connection, token)
    console.info("health checking ucp")
    await ucp.request("GET", "/_ping")
    return ucp


def _connection(options: Options) -> Connection:
    connection = Connection(
        normal_url(options["ucp_url"]), options["ucp_ca"] or "", bool(options["ucp_insecure_tls"])
    )
    try:
        connection.tls()
    except ssl.SSLError as exc:
        raise FatalError(f"Failed to read --ucp-ca, it must hold PEM text: {exc}") from exc
    return connection
