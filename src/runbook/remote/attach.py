"""Attached to a container through the engine's API: its input, and its two outputs apart.

The SDK's own `attach_socket` cannot end the input without ending the output when TLS lies in between,
so this one request is made by hand.
"""

import ssl
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

from runbook.remote.half_tls import HalfTls

STDOUT, STDERR = 1, 2
_FRAME = struct.Struct(">BxxxI")
_LONGEST_HEAD = 64 * 1024


class AttachError(OSError):
    """The engine's API refused to attach, or spoke something else."""


def attach(base_url: str, path: str, context: ssl.SSLContext, timeout: float) -> HalfTls:
    """Return the stream of a container that is about to be started; `path` is its attach request's."""
    url = urlsplit(base_url)
    host = url.hostname or ""
    stream = HalfTls.connect((host, url.port or 443), context, timeout)
    try:
        stream.write(
            f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 0\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
        )
        _read_head(stream)
    except BaseException:
        stream.close()
        raise
    return stream


def read_frames(stream: HalfTls) -> Iterator[tuple[int, bytes]]:
    """Yield (output, bytes) as the container writes, until the stream ends; ConnectionError within a frame.

    Engines end the stream without a TLS close_notify, so an end between two frames does not tell whether
    the container ended or the connection: its exit status does.
    """
    buffer = bytearray()
    output, left = 0, 0
    while data := stream.read():
        buffer += data
        while buffer:
            if not left:
                if len(buffer) < _FRAME.size:
                    break
                output, left = _FRAME.unpack_from(buffer)
                del buffer[: _FRAME.size]
            piece = bytes(buffer[:left])
            del buffer[:left]
            left -= len(piece)
            if piece:
                yield output, piece
    if left or buffer:
        raise ConnectionResetError("the attached stream broke off")


def _read_head(stream: HalfTls) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = stream.read()
        if not more or len(answer) > _LONGEST_HEAD:
            raise AttachError("the connection was closed before an answer came")
        answer += more
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
        raise AttachError((rest or head).decode(errors="replace").strip())
    stream.push_back(rest)
