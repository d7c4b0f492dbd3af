"""An SSH server in this process, for the ways in which a real one would be hard to make fail."""

import base64
import io
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_RESOURCE_SHORTAGE,
    OPEN_SUCCEEDED,
)
from pydantic import SecretStr

from runbook.remote.ssh import SshTarget

Answer = Callable[[paramiko.Channel], None]


class KeyPair:
    """An Ed25519 key, a new one if none is given, in the two spellings of a cluster file."""

    def __init__(self, private: str | None = None) -> None:
        pem = private or _new_key()
        self.private = SecretStr(pem)
        self.key = paramiko.Ed25519Key.from_private_key(io.StringIO(pem))
        self.public = f"{self.key.get_name()} {self.key.get_base64()}"


def _new_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


class SshServer:
    """Listens on a free loopback port; `answer` plays the command once its input has ended."""

    def __init__(self, answer: Answer | None = None, *, banner: bytes | None = None) -> None:
        self.host_key, self.client_key = KeyPair(), KeyPair()
        self.answer = answer
        self.connections = 0
        self.transports: list[paramiko.Transport] = []
        self.awake = threading.Event()  # cleared, it answers no question about its life
        self.awake.set()
        self.noise = b""  # what its login shell prints before a command
        self._banner = banner
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def target(self, **changes: object) -> SshTarget:
        values: dict[str, object] = {
            "name": "dtr1",
            "address": "127.0.0.1",
            "port": self._listener.getsockname()[1],
            "user": "root",
            "host_key": self.host_key.public,
            "private_key": self.client_key.private,
            "connect_timeout": 5.0,
        }
        return SshTarget(**{**values, **changes})  # type: ignore[arg-type]  # each test knows what it changes

    def drop_connections(self) -> None:
        self.awake.set()
        for transport in self.transports:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.drop_connections()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            if self._banner is None:
                self._serve(sock)
            else:
                sock.sendall(self._banner)

    def _serve(self, sock: socket.socket) -> None:
        transport = paramiko.Transport(sock)
        transport.add_server_key(self.host_key.key)
        self.transports.append(transport)
        transport.start_server(event=threading.Event(), server=_Session(self))


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = key.asbytes() == self._server.client_key.key.asbytes()
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def check_global_request(self, kind: str, msg: paramiko.Message) -> bool:
        self._server.awake.wait()
        return False

    def check_channel_request(self, kind: str, chanid: int) -> int:
        refused = self._server.answer is None
        return OPEN_FAILED_RESOURCE_SHORTAGE if refused else OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        marker = _marker_in(command)
        threading.Thread(target=self._answer, args=(channel, marker), daemon=True).start()
        return True

    def _answer(self, channel: paramiko.Channel, marker: bytes) -> None:
        while channel.recv(1024):
            """Its end comes after our reply, so that the command has begun for the other side."""
        assert self._server.answer is not None
        with suppress(OSError):  # the other side has left
            channel.sendall(self._server.noise + marker)
            channel.sendall_stderr(self._server.noise + marker)
            self._server.answer(channel)


def _marker_in(command: bytes) -> bytes:
    """Return the word that a command prints before anything of its own."""
    script = base64.b64decode(re.findall(rb"printf %s (\S+) ", command)[0])
    return re.findall(rb"printf %s (\S+);", script)[0]
