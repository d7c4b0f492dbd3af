"""A way to an S3 API on which requests fail as a test wants it, and on which those that arrive are counted."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = {"connection", "expect", "transfer-encoding", "content-length"}
SLOW_DOWN = (503, "SlowDown")
Fault = Callable[[int, str, str], tuple[int, str] | None]
"""What is answered instead to the request of this number, with this method and this path; None lets it pass."""


class S3Gate(ThreadingHTTPServer):
    """Passes requests on unless there is a fault for them."""

    daemon_threads = True

    def __init__(self, endpoint: str, fault: Fault) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.endpoint = urlsplit(endpoint).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.passed: Counter[tuple[str, str]] = Counter()  # method and path of what arrived
        self.refused = 0
        self._fault, self._asked, self._guard = fault, 0, Lock()

    def fault_for(self, method: str, path: str) -> tuple[int, str] | None:
        """Count the request and tell how it fails, None if it does not."""
        with self._guard:
            self._asked += 1
            fault = self._fault(self._asked, method, path)
            if fault:
                self.refused += 1
            else:
                self.passed[method, urlsplit(path).path] += 1
            return fault


@contextmanager
def s3_gate(endpoint: str, fault: Fault) -> Iterator[S3Gate]:
    """Run a gate before the endpoint; it is there as long as the block runs."""
    server = S3Gate(endpoint, fault)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Gate

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault := self.server.fault_for(self.command, self.path):
            text = f"<Error><Code>{fault[1]}</Code><Message>as the test wants it</Message></Error>"
            self._answer(fault[0], [("Content-Type", "application/xml")], text.encode())
            return
        with closing(HTTPConnection(self.server.endpoint, timeout=60)) as connection:
            connection.request(self.command, self.path, body or None, dict(_passed_on(self.headers)))
            answer = connection.getresponse()
            content = answer.read()
        size = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self._answer(answer.status, _passed_on(answer.headers), content, size)

    def _answer(
        self,
        status: int,
        headers: Iterator[tuple[str, str]] | list[tuple[str, str]],
        content: bytes,
        size: str = "",
    ) -> None:
        self.send_response_only(status)
        for name, value in [*headers, ("Content-Length", size or str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay  # noqa: N815 - the base class looks for these

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def _passed_on(headers: Message) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION)
