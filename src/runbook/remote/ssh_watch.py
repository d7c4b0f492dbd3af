"""Noticing that an SSH connection is dead, within 15 seconds."""

import logging
import threading
from contextlib import suppress
from typing import Any

import paramiko

from runbook.remote.ssh_errors import SSH_FAILURES

logger = logging.getLogger(__name__)

_ASK_EVERY = 4.0
_LOOK_EVERY = 1.0
_SILENT_LOOKS = 12
"""Counted, not timed: a machine that slept hears the answers first and counts from there."""


class HeardSocket:
    """A socket, or a channel of a jump host, that counts what it was sent."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.heard = 0

    def recv(self, size: int) -> bytes:
        """Return the next bytes."""
        data: bytes = self._sock.recv(size)
        self.heard += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Watch:
    """Asks the other side for signs of life and closes the transport when nothing at all comes any more.

    TCP alone would not notice a cut cable for minutes, and a frozen machine never. Any byte counts as a sign: the
    answer may stand in line behind a slow upload.
    """

    def __init__(self, where: str, transport: paramiko.Transport, sock: HeardSocket) -> None:
        self._where = where
        self._transport = transport
        self._sock = sock
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"watch on {where}", daemon=True)
            for work in (self._ask, self._judge)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the watch on a transport that is closed."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stopped.wait(_ASK_EVERY) and self._transport.is_active():
            with suppress(*SSH_FAILURES):
                self._transport.global_request("keepalive@openssh.com", wait=True)

    def _judge(self) -> None:
        heard, silent = self._sock.heard, 0
        while not self._stopped.wait(_LOOK_EVERY) and self._transport.is_active():
            silent = silent + 1 if self._sock.heard == heard else 0
            heard = self._sock.heard
            if silent >= _SILENT_LOOKS:
                logger.warning("%s: no sign of life over SSH, the connection is given up", self._where)
                self._transport.close()
