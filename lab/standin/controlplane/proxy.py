"""Passing a request on to an engine: both directions as they come, each ending by itself."""

import asyncio
from contextlib import suppress

from controlplane.engines import Engines, Node
from controlplane.tls import TlsStream
from controlplane.wire import Head, Headers, Request

HOP_HEADERS = ("authorization", "host", "connection", "upgrade")


def engine_head(request: Request, target: str) -> Head:
    """Return the head for the engine: another target, no credentials, one request a connection."""
    head = request.head.without(*HOP_HEADERS)
    hop: Headers = (("Connection", "close"),)
    if request.upgrades:
        hop = (("Connection", "Upgrade"), ("Upgrade", request.head.get("Upgrade")))
    return Head(f"{request.method} {target} HTTP/1.1", (("Host", "engine"), *hop, *head.headers))


async def forward(engines: Engines, node: Node, request: Request, target: str, client: TlsStream) -> None:
    """Give the request to the node's engine and the engine's answer to the client."""
    engine = await engines.open(node)
    try:
        await engine.write(engine_head(request, target).encode())
        upwards = asyncio.create_task(_upwards(client, engine))
        try:
            await _pump(engine, client)
        finally:
            upwards.cancel()
            with suppress(asyncio.CancelledError):
                await upwards
    except OSError:
        pass  # one side left: so does the other
    finally:
        await engine.close()


async def _upwards(client: TlsStream, engine: TlsStream) -> None:
    with suppress(OSError):
        await _pump(client, engine)


async def _pump(source: TlsStream, sink: TlsStream) -> None:
    while data := await source.read():
        await sink.write(data)
    await sink.write_eof()
