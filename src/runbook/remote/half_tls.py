"""A TLS connection whose two directions end separately, safe for one reader and one writer thread.

`docker run -i` ends its input with a TLS close_notify and goes on reading. An `ssl.SSLSocket` cannot do that: its
`shutdown` drops the TLS state, and its `unwrap` loses output that is already on its way. An `ssl.SSLObject` between
two memory buffers can.
"""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

CHUNK = 64 * 1024


class HalfTls:
    """A connected TLS stream."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._state = threading.Lock()  # an SSL object is not safe for two threads
        self._sending = threading.Lock()  # keeps records in the order in which they were made
        self._pending = b""
        self._handshake()

    @classmethod
    def connect(cls, address: tuple[str, int], context: ssl.SSLContext, timeout: float) -> Self:
        """Return a stream to `address`, whose certificate names that host; it blocks from then on."""
        sock = socket.create_connection(address, timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _notice_death(sock)
            stream = cls(sock, context, address[0])
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return stream

    def read(self) -> bytes:
        """Return the next bytes; empty when the other side ended its direction."""
        while True:
            with self._state:
                if self._pending:
                    data, self._pending = self._pending, b""
                    return data
                try:
                    return self._tls.read(CHUNK)
                except ssl.SSLZeroReturnError:
                    return b""
                except ssl.SSLWantReadError:
                    pass
            if not self._receive():
                return b""

    def push_back(self, data: bytes) -> None:
        """Let the next read return `data` first."""
        with self._state:
            self._pending = data + self._pending

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with self._sending:
            view = memoryview(data)
            while view:
                with self._state:
                    view = view[self._tls.write(view[:CHUNK]) :]
                    records = self._outgoing.read()
                self._sock.sendall(records)

    def close_write(self) -> None:
        """End our direction; reading goes on."""
        with self._sending:
            with self._state:
                self._keep_what_came()
                with suppress(ssl.SSLWantReadError):  # it asks for the other side's end, which comes later
                    self._tls.unwrap()
                records = self._outgoing.read()
            self._sock.sendall(records)

    def close(self) -> None:
        """Close the connection; a thread that reads from it gets an end."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _keep_what_came(self) -> None:
        """Decrypt what has arrived: ending our direction with data unread would lose it."""
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while data := self._tls.read(CHUNK):
                self._pending += data

    def _handshake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._sock.sendall(self._outgoing.read())
                if not self._receive():
                    raise ConnectionResetError("the connection was closed during the TLS handshake") from None
            else:
                self._sock.sendall(self._outgoing.read())
                return

    def _receive(self) -> bool:
        data = self._sock.recv(CHUNK)
        with self._state:
            self._incoming.write(data)
        return bool(data)


def _notice_death(sock: socket.socket) -> None:
    """Have the kernel end the connection about 15 s after the other side fell silent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000)
