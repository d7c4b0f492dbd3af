"""The attached stream against a TLS server of this process, which plays the engine."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runbook.remote.attach import STDERR, STDOUT, AttachError, attach, read_frames
from runbook.remote.half_tls import HalfTls
from tests.fakes.tls_site import Certificate

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def frame(output: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", output, len(data)) + data


class Engine:
    """Accepts one connection and plays a script on it."""

    def __init__(self, folder: Path) -> None:
        self.certificate = Certificate(folder)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.request = b""
        self._thread: threading.Thread | None = None

    def plays(self, script: Callable[["Peer"], None]) -> None:
        self._thread = threading.Thread(target=self._serve, args=(script,))
        self._thread.start()

    def attach(self) -> HalfTls:
        return attach(self.url, "/v1.41/containers/x/attach?stream=1", self.certificate.client_context(), 5)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._listener.close()

    def _serve(self, script: Callable[["Peer"], None]) -> None:
        sock, _ = self._listener.accept()
        context = self.certificate.server_context()
        with context.wrap_socket(sock, server_side=True) as tls:
            while b"\r\n\r\n" not in self.request:
                self.request += tls.recv(1024)
            script(tls)


Peer = socket.socket


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_outputs_come_apart_however_they_are_cut(engine: Engine) -> None:
    whole = (
        UPGRADED
        + frame(STDOUT, b"a" * 100_000)
        + frame(STDERR, b"oops")
        + frame(STDOUT, b"")
        + frame(STDOUT, b"z")
    )

    def script(peer: Peer) -> None:
        for start in range(0, len(whole), 997):
            peer.sendall(whole[start : start + 997])

    engine.plays(script)
    stream = engine.attach()
    outputs = {STDOUT: b"", STDERR: b""}
    for output, data in read_frames(stream):
        outputs[output] += data
    stream.close()
    assert outputs == {STDOUT: b"a" * 100_000 + b"z", STDERR: b"oops"}
    assert engine.request.startswith(b"POST /v1.41/containers/x/attach?stream=1 HTTP/1.1\r\n")
    assert b"Upgrade: tcp" in engine.request


def test_the_input_ends_while_output_is_on_its_way(engine: Engine) -> None:
    """What an SSLSocket cannot do: it would lose the output or never end the input."""

    def script(peer: Peer) -> None:
        peer.sendall(UPGRADED)
        for _ in range(50):
            peer.sendall(frame(STDOUT, b"x" * 10_000))
        got = b""
        while data := peer.recv(65536):
            got += data
        peer.sendall(frame(STDOUT, b"read %d" % len(got)))

    engine.plays(script)
    stream = engine.attach()
    stream.write(b"y" * 1_000_000)
    stream.close_write()
    output = b"".join(data for _, data in read_frames(stream))
    stream.close()
    assert output == b"x" * 500_000 + b"read 1000000"


def test_an_end_within_a_frame_is_no_end(engine: Engine) -> None:
    engine.plays(lambda peer: peer.sendall(UPGRADED + frame(STDOUT, b"abc")[:-1]))
    stream = engine.attach()
    with pytest.raises(ConnectionResetError, match="broke off"):
        list(read_frames(stream))
    stream.close()


def test_a_refusal_says_why(engine: Engine) -> None:
    engine.plays(
        lambda peer: peer.sendall(b'HTTP/1.1 404 Not Found\r\n\r\n{"message":"No such container: x"}')
    )
    with pytest.raises(AttachError, match="No such container"):
        engine.attach()


def test_a_connection_that_closes_without_a_word_is_an_error(engine: Engine) -> None:
    engine.plays(lambda peer: None)
    with pytest.raises(AttachError, match="before an answer"):
        engine.attach()
