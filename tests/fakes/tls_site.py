"""A TLS server on loopback with its own CA, and a control plane that answers from a table."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KEYS = "/accounts/admin/publicKeys"


class Certificate:
    """A self-signed certificate for 127.0.0.1; it is its own CA."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a lab")])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self.pem = made.public_bytes(Encoding.PEM)
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.file = folder / "cert.pem"
        self.file.write_bytes(self.pem + self.key)

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.pem.decode())


class ControlPlaneSite:
    """Answers `answers[path]` to who is logged in; `password` lets in, `tokens` are the sessions."""

    def __init__(self, folder: Path, answers: dict[str, tuple[int, bytes]]) -> None:
        self.certificate = Certificate(folder)
        self.answers = answers
        self.password = "right"
        self.tokens: set[str] = set()
        self.logins = 0
        self.public_keys: dict[str, str] = {}  # of the account admin, as PEM
        site = self

        class Handler(_Handler):
            plane = site

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.socket = self.certificate.server_context().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    plane: ControlPlaneSite

    def do_POST(self) -> None:
        if self.path == "/id/logout":
            self._log_out()
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.plane.logins += 1
        if body["password"] != self.plane.password:
            self._answer(401, b"unauthorized")
            return
        token = f"token-{self.plane.logins}"
        self.plane.tokens.add(token)
        self._answer(200, json.dumps({"auth_token": token}).encode())

    def _log_out(self) -> None:
        status, body = self.plane.answers.get(self.path, (204, b""))
        if status < 400:
            self.plane.tokens.discard(self._token())
        self._answer(status, body)

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def do_GET(self) -> None:
        if self._token() not in self.plane.tokens:
            self._answer(401, b"unauthorized")
            return
        if self.path.split("?")[0] == KEYS and KEYS not in self.plane.answers:
            listed = [{"id": name, "publicKey": pem} for name, pem in self.plane.public_keys.items()]
            self._answer(200, json.dumps({"accountPublicKeys": listed}).encode())
            return
        self._answer(*self.plane.answers.get(self.path.split("?")[0], (404, b"page not found")))

    def do_DELETE(self) -> None:
        if self._token() not in self.plane.tokens:
            self._answer(401, b"unauthorized")
            return
        gone = self.plane.public_keys.pop(self.path.removeprefix(f"{KEYS}/"), None)
        self._answer(204 if gone else 404, b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Be quiet."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
