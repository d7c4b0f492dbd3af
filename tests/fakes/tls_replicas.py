"""Replicas as a load balancer meets them: TLS, a probe, and who answers; and a balancer that passes TCP in turn."""

import itertools
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runbook.domain.load_balancer import Backend
from tests.fakes.tls_site import Certificate

NAMES = ("dtr1", "dtr2", "dtr3")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    name = ""

    def do_GET(self) -> None:
        settings = {
            "replicaID": f"id-{self.name}",
            "replicaSettings": {f"id-{n}": {"node": n} for n in NAMES},
        }
        body = json.dumps({} if self.path == "/_ping" else settings).encode()
        self.send_response(type(self).status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Be quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A probe that breaks off is no error."""


@dataclass
class Replica:
    """Answers its probe with `healthy`."""

    backend: Backend
    handler: type[_Handler]

    def fail(self) -> None:
        self.handler.status = 503

    def mend(self) -> None:
        self.handler.status = 200


@contextmanager
def tls_replicas(certificate: Certificate, address: str = "127.0.0.1") -> Iterator[dict[str, Replica]]:
    """Yield three replicas on ports of this machine's address, all with the certificate."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_replica(name, certificate, address)) for name in NAMES}


@contextmanager
def _replica(name: str, certificate: Certificate, address: str) -> Iterator[Replica]:
    handler = type("ThisReplica", (_Handler,), {"name": name})
    server = _Server((address, 0), handler)
    server.socket = certificate.server_context().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Replica(Backend(name, address, server.server_port, server.server_port), handler)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TurnBalancer:
    """Passes the bytes of each new connection to the next of its `pool`; ends TLS itself where it has a certificate."""

    def __init__(self) -> None:
        self.pool: Sequence[Backend] = ()
        self.certificate: Certificate | None = None
        self._turn = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self.certificate:
                self.certificate.server_context().wrap_socket(client, server_side=True).close()
                return
            if not self.pool:
                return
            chosen = self.pool[next(self._turn) % len(self.pool)]
            with socket.create_connection((chosen.address, chosen.https_port), 5) as server:
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
