"""An attached container: one upgraded connection that carries its input and both of its outputs."""

import asyncio
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from registry.control_plane import Connection

_HEADER = struct.Struct(">BxxxI")
STDOUT, STDERR = 1, 2
_CHUNK = 1 << 16


class AttachFailedError(Exception):
    """The control plane refused to attach."""


class Attached:
    """The stream of an attached container."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Send input."""
        self._writer.write(data)
        await self._writer.drain()

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (stream, data) as the container writes, until it ends."""
        while True:
            try:
                header = await self._reader.readexactly(_HEADER.size)
            except (asyncio.IncompleteReadError, OSError):
                return
            stream, left = _HEADER.unpack(header)
            while left:
                data = await self._reader.read(min(left, _CHUNK))
                if not data:
                    return
                left -= len(data)
                yield stream, data

    def close(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


async def attach(connection: Connection, token: str, container: str) -> Attached:
    """Return the stream of a container that is about to be started."""
    url = urlsplit(connection.url)
    reader, writer = await asyncio.open_connection(
        url.hostname, url.port or 443, ssl=connection.tls(), limit=_CHUNK * 4
    )
    writer.write(
        f"POST /containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n"
        f"Host: {url.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
    )
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
    if head.split(" ", 2)[1] not in ("101", "200"):
        raise AttachFailedError(head.splitlines()[0])
    return Attached(reader, writer)
