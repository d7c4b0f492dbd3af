"""The two directions of a TLS connection end separately."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from controlplane.tls import TlsStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = "127.0.0.1"
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Serve = Callable[[TlsStream], Awaitable[None]]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    pair = tmp_path_factory.mktemp("pki") / "pair.pem"
    _write_pair(pair)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair)
    return server, ssl.create_default_context(cafile=str(pair))


def _write_pair(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HERE))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


@asynccontextmanager
async def serving(context: ssl.SSLContext, handler: Serve) -> AsyncIterator[int]:
    """Serve on a port, and end when every connection has been served."""
    served: list[asyncio.Task[None]] = []

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ssl.SSLError):
            await handler(await TlsStream.accept(reader, writer, context))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(connection(reader, writer)))

    async with await asyncio.start_server(connected, HERE, 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*served)


async def read_all(stream: TlsStream) -> bytes:
    received = b""
    while data := await stream.read():
        received += data
    return received


async def answer_the_length(stream: TlsStream) -> None:
    received = await read_all(stream)
    await stream.write(str(len(received)).encode())
    await stream.close()


async def talk_first(stream: TlsStream) -> None:
    await stream.write(b"x" * 60_000)
    assert await read_all(stream) == b""
    await stream.write(b"end")
    await stream.close()


def test_an_answer_comes_after_our_direction_has_ended(contexts: Contexts) -> None:
    async def scenario() -> bytes:
        async with serving(contexts[0], answer_the_length) as port:
            stream = await TlsStream.connect(HERE, port, contexts[1])
            await stream.write(b"x" * 3_000_000)
            await stream.write_eof()
            received = await read_all(stream)
            await stream.close()
            return received

    assert asyncio.run(scenario()) == b"3000000"


def test_what_has_arrived_but_is_unread_when_our_direction_ends_is_not_lost(contexts: Contexts) -> None:
    async def scenario() -> bytes:
        async with serving(contexts[0], talk_first) as port:
            stream = await TlsStream.connect(HERE, port, contexts[1])
            first = await stream.read()
            assert 0 < len(first) < 60_000
            await stream.write_eof()
            rest = await read_all(stream)
            await stream.close()
            return first + rest

    assert asyncio.run(scenario()) == b"x" * 60_000 + b"end"


def test_a_client_on_a_plain_ssl_socket_ends_its_direction_below_tls(contexts: Contexts) -> None:
    def talk(port: int) -> bytes:
        plain = socket.create_connection((HERE, port))
        with contexts[1].wrap_socket(plain, server_hostname=HERE) as wrapped:
            wrapped.sendall(b"x" * 1000)
            socket.socket.shutdown(wrapped, socket.SHUT_WR)
            return wrapped.recv(100)

    async def scenario() -> bytes:
        async with serving(contexts[0], answer_the_length) as port:
            return await asyncio.to_thread(talk, port)

    assert asyncio.run(scenario()) == b"1000"


def test_a_server_that_the_client_does_not_trust_is_refused(contexts: Contexts) -> None:
    async def scenario() -> None:
        async with serving(contexts[0], answer_the_length) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await TlsStream.connect(HERE, port, ssl.create_default_context())

    asyncio.run(scenario())
