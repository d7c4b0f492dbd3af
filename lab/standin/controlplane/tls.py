"""TLS connections whose two directions end separately.

`docker run -i` ends its stdin with a TLS close_notify and goes on reading. Neither asyncio's own
TLS nor `ssl.SSLSocket` can do that, an `ssl.SSLObject` between two memory buffers can.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Any

CHUNK = 64 * 1024
LINGER_SECONDS = 2.0


class TlsStream:
    """One TLS connection over a plain asyncio connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._pending = bytearray()
        self._sent_eof = False
        self._tls: ssl.SSLObject

    @classmethod
    async def accept(
        cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> "TlsStream":
        """Return the stream of a client whose handshake is done."""
        stream = cls(reader, writer)
        stream._tls = context.wrap_bio(stream._incoming, stream._outgoing, server_side=True)
        await stream._handshake()
        return stream

    @classmethod
    async def connect(cls, host: str, port: int, context: ssl.SSLContext) -> "TlsStream":
        """Return a stream to a server whose certificate names `host`."""
        reader, writer = await asyncio.open_connection(host, port)
        stream = cls(reader, writer)
        stream._tls = context.wrap_bio(stream._incoming, stream._outgoing, server_hostname=host)
        await stream._handshake()
        return stream

    @property
    def peer_certificate(self) -> dict[str, Any]:
        """The verified certificate of the other side, empty when it showed none."""
        return self._tls.getpeercert() or {}

    def push_back(self, data: bytes) -> None:
        """Let the next read return `data` first."""
        self._pending[:0] = data

    async def read(self) -> bytes:
        """Return the next bytes; empty when the other side ended its direction."""
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            return data
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                if not await self._feed():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def write(self, data: bytes) -> None:
        """Send `data`, waiting while the other side is slow."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        await self._flush()

    async def write_eof(self) -> None:
        """End our direction with close_notify; reading goes on."""
        if self._sent_eof:
            return
        self._sent_eof = True
        self._drain_incoming()
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()

    async def close(self) -> None:
        """End both directions without cutting off what the other side has yet to read."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await self.write_eof()
                self._writer.write_eof()
                while await self._reader.read(CHUNK):
                    pass
        except (OSError, TimeoutError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._writer.transport.abort()

    def _drain_incoming(self) -> None:
        """Take out what has arrived: OpenSSL's shutdown fails on application data that is waiting."""
        with suppress(ssl.SSLError):
            while data := self._tls.read(CHUNK):
                self._pending += data

    async def _handshake(self) -> None:
        try:
            await self._shake_hands()
        except BaseException:
            self.abort()
            raise

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise ConnectionResetError("the other side left during the TLS handshake") from None
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                await self._flush()
                return

    async def _feed(self) -> bool:
        await self._flush()
        data = await self._reader.read(CHUNK)
        if data:
            self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)
            await self._writer.drain()
