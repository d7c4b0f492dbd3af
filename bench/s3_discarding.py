"""A process: as much of an S3 API as an upload needs, on 127.0.0.1; it throws every body away.

So it takes uploads of any length with no memory and hardly any work of its own: what is measured is the client.
"""

import itertools
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_CHUNK = 1024 * 1024
_TAG = '"0123456789abcdef0123456789abcdef-1"'
_uploads = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Says yes to every upload."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self._scrap = bytearray(_CHUNK)

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        """Answer that it is there."""
        self._answer(b"")

    def do_PUT(self) -> None:  # noqa: N802
        """Take an object or a part."""
        self._discard()
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802
        """Begin a multipart upload, or end one."""
        self._discard()
        if "uploads" in parse_qs(urlsplit(self.path).query, keep_blank_values=True):
            self._answer(_xml("InitiateMultipartUploadResult", f"<UploadId>{next(_uploads)}</UploadId>"))
        else:
            self._answer(_xml("CompleteMultipartUploadResult", f"<ETag>{_TAG}</ETag>"))

    def _discard(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        view = memoryview(self._scrap)
        while left and (got := self.rfile.readinto(view[: min(left, _CHUNK)])):
            left -= got

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", _TAG)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _xml(name: str, content: str) -> bytes:
    return f'<?xml version="1.0"?><{name}>{content}</{name}>'.encode()


def main() -> None:
    """Serve until the process is ended."""
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
