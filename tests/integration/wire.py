"""A wire between us and a server that can be cut without either side being told."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Wire:
    """Forwards one connection to a port until it is cut; its sockets stay open, so nobody sees an end."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = socket.create_connection(("127.0.0.1", port))
        self._cut = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Let no byte through any more, in either direction."""
        self._cut.set()
        self._thread.join()

    def close(self) -> None:
        self.cut()
        for sock in (self._listener, self._server, self._client):
            sock.close()

    def _forward(self) -> None:
        self._client, _ = self._listener.accept()
        pairs = {self._client: self._server, self._server: self._client}
        while not self._cut.is_set():
            for ready in select.select(list(pairs), [], [], 0.05)[0]:
                pairs[ready].sendall(ready.recv(65536))


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
