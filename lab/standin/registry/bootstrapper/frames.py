"""How phase 1 hands its input on: frames of a length and that many bytes, an empty one at the end.

A TLS stream cannot be closed in one direction, so the end of input must be said.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
END = _LENGTH.pack(0)


class BrokenInputError(Exception):
    """The input ended within a frame."""


def frame(data: bytes) -> bytes:
    """Return the data as a frame."""
    return _LENGTH.pack(len(data)) + data


def request_frame(request: dict[str, Any]) -> bytes:
    """Return the first frame: what phase 2 is asked to do."""
    return frame(json.dumps(request).encode())


def read_request(stream: BinaryIO) -> dict[str, Any]:
    """Return what phase 2 is asked to do."""
    content = json.loads(next(read(stream)))
    return dict(content)


def read(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the data of each frame until the empty one."""
    while True:
        (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
        if length == 0:
            return
        yield _exactly(stream, length)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BrokenInputError("the input ended within a frame")
    return data
