"""A way to the vault on which one kind of request waits, so that a run keeps what it is about to give up."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

_WAITS_AT_MOST = 300
_OF_ONE_CONNECTION = {"connection", "expect", "transfer-encoding", "content-length"}


class Gate(ThreadingHTTPServer):
    """Passes every request on, but deletions of `key` only once it is open."""

    daemon_threads = True

    def __init__(self, endpoint: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.endpoint = urlsplit(endpoint).netloc
        self.key = key
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._opened = Event()

    def open(self) -> None:
        """Let go on what waits."""
        self._opened.set()

    def wait_for(self, method: str, path: str) -> None:
        """Return once the request may go on."""
        if method == "DELETE" and urlsplit(path).path.endswith(f"/{self.key}"):
            self._opened.wait(_WAITS_AT_MOST)


@contextmanager
def gate(endpoint: str, key: str) -> Iterator[Gate]:
    """Run a gate before the endpoint; it is there as long as the block runs."""
    server = Gate(endpoint, key)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.open()
        server.shutdown()
        thread.join()
        server.server_close()


class _Relay(BaseHTTPRequestHandler):
    """Asks the endpoint and answers with what it says."""

    protocol_version = "HTTP/1.1"
    server: Gate

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.wait_for(self.command, self.path)
        with closing(HTTPConnection(self.server.endpoint, timeout=60)) as connection:
            connection.request(self.command, self.path, body or None, dict(_passed_on(self.headers)))
            answer = connection.getresponse()
            content = answer.read()
        size = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self.send_response_only(answer.status)
        for name, value in [*_passed_on(answer.headers), ("Content-Length", size)]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay  # noqa: N815 - the base class looks for these

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def _passed_on(headers: Message) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION)
