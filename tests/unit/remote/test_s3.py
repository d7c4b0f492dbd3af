"""An S3 endpoint with a certificate of a private CA, and none at all."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, UnreachableError
from runbook.remote.s3 import S3Settings, connect, list_prefix
from tests.fakes.tls_site import Certificate

EMPTY = b"""<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"""


class EmptyBucket(BaseHTTPRequestHandler):
    """Lists no object to whoever asks."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Be quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate is no error."""


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(tmp_path)


@pytest.fixture
def endpoint(certificate: Certificate) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), EmptyBucket)
    server.socket = certificate.server_context().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def listed(endpoint: str, ca_file: str | None) -> list[object]:
    settings = S3Settings(endpoint, "us-east-1", "key", SecretStr("secret"), ca_file=ca_file, attempts=1)
    return list(list_prefix(connect(settings), "bucket", ""))


def test_an_endpoint_of_a_private_authority_is_trusted_by_its_ca_file_alone(
    endpoint: str, certificate: Certificate
) -> None:
    assert listed(endpoint, str(certificate.file)) == []
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        listed(endpoint, None)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), ("no PEM", "it holds no certificate")]
)
def test_a_ca_file_that_is_none_is_told_before_anything_is_asked(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidConfigError, match=f"^ca_file {path}: cannot be used: {reason}"):
        listed("https://127.0.0.1:9", str(path))
