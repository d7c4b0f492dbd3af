"""A way to an S3 API on which faults happen, by operation and number."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import parse_qs, urlsplit

_OF_ONE_CONNECTION = {"connection", "expect", "transfer-encoding", "content-length"}
_CHUNK = 64 * 1024
FOR_EVER = 10**9


@dataclass
class Fault:
    """What befalls the next `times` requests of an operation."""

    operation: str
    befall: Callable[["Relay"], None]
    times: int = FOR_EVER


class S3Proxy(ThreadingHTTPServer):
    """Passes every request on, but for those that a fault befalls."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.endpoint = urlsplit(endpoint).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.closing = Event()
        self.faults: list[Fault] = []
        self.befell: list[str] = []  # the operations of the requests that a fault befell
        self.cut_at: int | None = None  # after so many bytes of uploads the connection is cut, once
        self.uploaded = 0
        self._lock = Lock()

    def befalls(self, operation: str) -> Fault | None:
        """Return the fault of this request, counted."""
        with self._lock:
            for fault in self.faults:
                if fault.operation == operation and fault.times:
                    fault.times -= 1
                    self.befell.append(operation)
                    return fault
        return None

    def handle_error(self, *_: object) -> None:
        """Say nothing: the client left, as it should."""


@contextmanager
def s3_proxy(endpoint: str) -> Iterator[S3Proxy]:
    """Run a proxy before the endpoint as long as the block runs."""
    proxy = S3Proxy(endpoint)
    thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def answers(status: int, code: str) -> Callable[["Relay"], None]:
    """Have the service answer with an error of its own."""
    return lambda relay: relay.refuse(status, code)


def hangs(relay: "Relay") -> None:
    """Have the service take the request and never answer."""
    relay.read_body()
    relay.server.closing.wait()
    relay.cut()


def closes(relay: "Relay") -> None:
    """Have the connection closed instead of an answer."""
    relay.read_body()
    relay.cut()


def loses_answer(relay: "Relay") -> None:
    """Have the service do what it was asked, and nobody hear of it."""
    relay.relay(unheard=True)


def cuts_answer(after: int) -> Callable[["Relay"], None]:
    """Have the connection cut after so many bytes of the answer."""
    return lambda relay: relay.relay(answer_bytes=after)


def dribbles(relay: "Relay") -> None:
    """Have the answer come in small pieces."""
    relay.relay(piece=2000)


class Relay(BaseHTTPRequestHandler):
    """Asks the endpoint and answers with what it says."""

    protocol_version = "HTTP/1.1"
    server: S3Proxy

    def pass_on(self) -> None:
        fault = self.server.befalls(self._operation())
        if fault:
            fault.befall(self)
        else:
            self.relay()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - the base class looks for these

    def relay(self, *, answer_bytes: int | None = None, piece: int = 1 << 30, unheard: bool = False) -> None:
        body = self.read_body()
        if body is None:
            return
        with closing(HTTPConnection(self.server.endpoint, timeout=60)) as connection:
            connection.request(self.command, self.path, body or None, dict(_passed_on(self.headers)))
            answer = connection.getresponse()
            content = answer.read()
        if unheard:
            self.cut()
            return
        size = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self._begin(answer.status, [*_passed_on(answer.headers), ("Content-Length", size)])
        for start in range(0, len(content[:answer_bytes]), piece):
            self.wfile.write(content[:answer_bytes][start : start + piece])
            self.wfile.flush()
        if answer_bytes is not None:
            self.cut()

    def refuse(self, status: int, code: str) -> None:
        self.read_body()
        text = f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()
        self._begin(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
        if self.command != "HEAD":
            self.wfile.write(text)

    def read_body(self) -> bytes | None:
        """Return the request's body; None where the connection was cut within it."""
        body, left = bytearray(), int(self.headers.get("Content-Length", 0))
        counts = self.command == "PUT"
        while left and (data := self.rfile.read(min(left, _CHUNK))):
            body += data
            left -= len(data)
            if counts and self._cut_now(len(data)):
                self.cut()
                return None
        return bytes(body)

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _cut_now(self, size: int) -> bool:
        with self.server._lock:
            self.server.uploaded += size
            if self.server.cut_at is None or self.server.uploaded < self.server.cut_at:
                return False
            self.server.cut_at = None
            self.server.befell.append("cut")
            return True

    def _begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _operation(self) -> str:
        """Return the request's name in the API."""
        asked = urlsplit(self.path)
        query = parse_qs(asked.query, keep_blank_values=True)
        if self.command == "GET":
            lists = "list-type" in query or "uploads" in query
            return (
                ("ListMultipartUploads" if "uploads" in query else "ListObjectsV2") if lists else "GetObject"
            )
        names = {
            "HEAD": "HeadObject",
            "POST": "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload",
            "PUT": "UploadPart" if "partNumber" in query else "PutObject",
            "DELETE": "AbortMultipartUpload" if "uploadId" in query else "DeleteObject",
        }
        copies = self.command == "PUT" and "x-amz-copy-source" in self.headers
        return "CopyObject" if copies else names[self.command]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def _passed_on(headers: Message) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION)
