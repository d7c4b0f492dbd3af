"""The certificate that a TLS server presents, whoever signed it."""

import socket

from runbook.domain.errors import UnreachableError
from runbook.remote.registry_http import trusting_anyone

_PATIENCE = 10.0


def peer_certificate(address: str, port: int, server_name: str) -> bytes:
    """Return the certificate, DER, that is presented at `address` to who asks for `server_name`."""
    try:
        with (
            socket.create_connection((address, port), _PATIENCE) as plain,
            trusting_anyone().wrap_socket(plain, server_hostname=server_name) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""
    except OSError as exc:
        what = f"no TLS at port {port}: {exc}"
        raise UnreachableError(address, what, "see what listens there, then rerun") from exc
