"""The engines behind the control plane: one TLS connection for each request."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from controlplane.tls import TlsStream
from controlplane.wire import Answer, Head, HttpError, read_body, read_head

ENGINE_PORT = 12376
CONNECT_SECONDS = 3.0
SUSPECT_CONNECT_SECONDS = 1.0  # for a node that did not answer last time, so that it delays nobody
CALL_SECONDS = 10.0  # for an answer to a question; streams have no limit


class NodeUnreachableError(Exception):
    """A node's engine did not answer."""


@dataclass(frozen=True)
class Node:
    """A node of the swarm."""

    name: str
    address: str
    is_manager: bool = False
    state: str = "ready"


class Engines:
    """Opens connections to engines and remembers which nodes did not answer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._suspects: set[str] = set()

    async def open(self, node: Node) -> TlsStream:
        """Return a stream to the node's engine."""
        suspect = node.address in self._suspects
        try:
            async with asyncio.timeout(SUSPECT_CONNECT_SECONDS if suspect else CONNECT_SECONDS):
                stream = await TlsStream.connect(node.address, ENGINE_PORT, self._context)
        except (OSError, TimeoutError) as exc:
            self._suspects.add(node.address)
            reason = str(exc) or "no answer"
            raise NodeUnreachableError(f"Cannot connect to the engine of node {node.name}: {reason}") from exc
        self._suspects.discard(node.address)
        return stream

    async def call(
        self, node: Node, method: str, target: str, *, body: Any = None, seconds: float = CALL_SECONDS
    ) -> Answer:
        """Return the whole answer of the node's engine."""
        stream = await self.open(node)
        try:
            async with asyncio.timeout(seconds):
                await stream.write(_encode(method, target, body))
                return await _read_answer(stream)
        except (OSError, TimeoutError) as exc:
            self._suspects.add(node.address)
            reason = str(exc) or f"no answer within {seconds:.0f} s"
            raise NodeUnreachableError(f"The engine of node {node.name}: {reason}") from exc
        finally:
            stream.abort()

    async def value(self, node: Node, target: str) -> Any:
        """Return the JSON that the node's engine answers a GET with; an error is passed on."""
        return checked(await self.call(node, "GET", target)).value()


def checked(answer: Answer) -> Answer:
    """Return an answer that is not an error; pass an error on to the client."""
    if answer.ok:
        return answer
    try:
        message = str(answer.value()["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.body.decode(errors="replace")
    raise HttpError(answer.status, message)


def _encode(method: str, target: str, body: Any) -> bytes:
    payload = b"" if body is None else json.dumps(body).encode()
    headers = (
        ("Host", "engine"),
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(payload))),
    )
    return Head(f"{method} {target} HTTP/1.1", headers).encode() + payload


async def _read_answer(stream: TlsStream) -> Answer:
    head = await read_head(stream)
    if head is None:
        raise ConnectionResetError("the engine closed the connection")
    status = int(head.start.split(" ")[1])
    if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        return Answer(status)
    body = await read_body(stream, head, until_end=True)
    return Answer(status, body, (("Content-Type", head.get("Content-Type", "application/json")),))
