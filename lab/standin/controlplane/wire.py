"""HTTP/1.1 messages on a TLS stream: heads, bodies and the answers of the control plane itself."""

import json
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from controlplane import SERVER_HEADER
from controlplane.tls import TlsStream

MAX_HEAD = 64 * 1024
MAX_BODY = 32 * 1024 * 1024

Headers = tuple[tuple[str, str], ...]


class HttpError(Exception):
    """A request that is answered with an error; the text goes to the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a request or an answer."""

    start: str
    headers: Headers

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def without(self, *names: str) -> "Head":
        """Return this head less some headers."""
        kept = tuple((key, value) for key, value in self.headers if key.lower() not in names)
        return replace(self, headers=kept)

    def encode(self) -> bytes:
        """Return the bytes that go over the wire."""
        lines = [self.start, *(f"{key}: {value}" for key, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True)
class Request:
    """A request's head, taken apart."""

    method: str
    path: str  # decoded, without the version prefix
    prefix: str  # "/v1.41" or empty
    query: dict[str, list[str]]
    head: Head

    @classmethod
    def parse(cls, head: Head) -> "Request":
        """Take a request line apart."""
        try:
            method, target, _protocol = head.start.split(" ")
        except ValueError:
            raise HttpError(HTTPStatus.BAD_REQUEST, "malformed request line") from None
        split = urlsplit(target)
        path, prefix = unquote(split.path), ""
        first, _, rest = path.removeprefix("/").partition("/")
        if first[:1] == "v" and first[1:].replace(".", "").isdigit():
            path, prefix = f"/{rest}", f"/{first}"
        return cls(method, path, prefix, parse_qs(split.query, keep_blank_values=True), head)

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def target(self, path: str) -> str:
        """Return the request target that asks an engine the same of another path."""
        query = urlencode(self.query, doseq=True)
        return self.prefix + quote(path, safe="/:@") + (f"?{query}" if query else "")

    @property
    def upgrades(self) -> bool:
        """True when the client wants the raw connection (attach, exec)."""
        return bool(self.head.get("Upgrade"))


@dataclass(frozen=True)
class Answer:
    """A whole answer, its body in memory."""

    status: int
    body: bytes = b""
    headers: Headers = field(default=())

    @classmethod
    def json(cls, value: Any, status: int = HTTPStatus.OK) -> "Answer":
        """Return an answer whose body is JSON."""
        return cls(status, json.dumps(value).encode() + b"\n", (("Content-Type", "application/json"),))

    @classmethod
    def text(cls, text: str, content_type: str = "text/plain; charset=utf-8") -> "Answer":
        """Return a 200 whose body is text."""
        return cls(HTTPStatus.OK, text.encode(), (("Content-Type", content_type),))

    @property
    def ok(self) -> bool:
        """True for a status below 300."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    def value(self) -> Any:
        """Return the JSON value of the body; None when there is none."""
        return json.loads(self.body) if self.body.strip() else None

    def encode(self) -> bytes:
        """Return the bytes that go over the wire and end the connection."""
        phrase = HTTPStatus(self.status).phrase
        fixed = (("Server", SERVER_HEADER), ("Content-Length", str(len(self.body))), ("Connection", "close"))
        return Head(f"HTTP/1.1 {self.status} {phrase}", (*self.headers, *fixed)).encode() + self.body


async def read_head(stream: TlsStream) -> Head | None:
    """Read up to the empty line; None when the other side left before it began."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        chunk = await stream.read()
        if not chunk and not data:
            return None
        if not chunk or len(data) > MAX_HEAD:
            raise ConnectionResetError("the head of a message did not end")
        data += chunk
    raw, _, rest = bytes(data).partition(b"\r\n\r\n")
    stream.push_back(rest)
    start, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(start, tuple((key.strip(), value.strip()) for key, _, value in pairs))


async def read_body(stream: TlsStream, head: Head, *, until_end: bool = False) -> bytes:
    """Read the body that `head` announces; an answer without a length lasts until the end."""
    if "chunked" in head.get("Transfer-Encoding").lower():
        return await _read_chunked(stream)
    if length := head.get("Content-Length"):
        return await _read_exactly(stream, int(length))
    data = bytearray()
    while until_end and (chunk := await stream.read()):
        data += _bounded(chunk, len(data))
    return bytes(data)


async def _read_exactly(stream: TlsStream, length: int) -> bytes:
    data = bytearray()
    _bounded(b"", length)
    while len(data) < length:
        chunk = await stream.read()
        if not chunk:
            raise ConnectionResetError("the body of a message did not end")
        data += chunk
    stream.push_back(bytes(data[length:]))
    return bytes(data[:length])


async def _read_chunked(stream: TlsStream) -> bytes:
    body = bytearray()
    while size := int((await _read_line(stream)).partition(b";")[0], 16):
        body += _bounded(await _read_exactly(stream, size), len(body))
        await _read_line(stream)
    while await _read_line(stream):
        pass
    return bytes(body)


async def _read_line(stream: TlsStream) -> bytes:
    data = bytearray()
    while b"\r\n" not in data:
        chunk = await stream.read()
        if not chunk:
            raise ConnectionResetError("a chunk of a message did not end")
        data += chunk
    line, _, rest = bytes(data).partition(b"\r\n")
    stream.push_back(rest)
    return line


def parse_json(text: str | bytes, what: str) -> Any:
    """Return the JSON value of a text from the client, or answer 400."""
    try:
        return json.loads(text)
    except ValueError as exc:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{what}: not JSON: {exc}") from exc


def _bounded(chunk: bytes, have: int) -> bytes:
    if have + len(chunk) > MAX_BODY:
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    return chunk
