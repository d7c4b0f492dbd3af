"""Phase 1's part while phase 2 runs: start it on its node, feed it, pass on what it writes."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from registry import names
from registry.bootstrapper import frames, hijack
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.hijack import Attached
from registry.bootstrapper.ucp import Ucp, UcpError

_QUEUE_SECONDS = 60.0
_LEFTOVER_SECONDS = 8.0
_STOP_SECONDS = 5
_POLL = 0.5
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Phase2:
    """What phase 2 is asked to do, where, and what it reads."""

    node: str
    request: dict[str, Any]
    binds: tuple[str, ...] = ()
    stdin: AsyncIterator[bytes] | None = None


async def run(ucp: Ucp, console: Console, phase2: Phase2) -> int:
    """Return the exit status of phase 2; its container is gone then."""
    console.info(f"Waiting for running {names.PHASE2} container to finish")
    container = await _queue(ucp, console, phase2)
    try:
        attached = await hijack.attach(ucp.connection, ucp.token, container)
        await ucp.start(container)
        feeding = asyncio.ensure_future(_feed(attached, phase2))
        try:
            await _pass_on(attached)
        finally:
            feeding.cancel()
            attached.close()
        return await ucp.exit_status(container)
    except asyncio.CancelledError:
        await ucp.stop(container, _STOP_SECONDS)  # it tidies up
        raise
    finally:
        await ucp.remove(container)


async def _queue(ucp: Ucp, console: Console, phase2: Phase2) -> str:
    """Return the created container; its name is the queue that bootstrapper runs wait in."""
    queue = _Queue(ucp, console)
    while True:
        try:
            return await ucp.create_container(names.PHASE2, phase2.node, _config(phase2))
        except UcpError as exc:
            if exc.status != HTTPStatus.CONFLICT:
                image = names.bootstrapper_image()
                raise FatalError(
                    f"Problem running container '{names.PHASE2}' from image '{image}': {exc.message}"
                ) from exc
        await queue.wait()


class _Queue:
    """The wait for another run's container to go away."""

    def __init__(self, ucp: Ucp, console: Console) -> None:
        self._ucp = ucp
        self._console = console
        self._begin = time.monotonic()
        self._ended_since: dict[str, float] = {}

    async def wait(self) -> None:
        """Wait a moment; fail when the other container will not go, or has stayed too long."""
        now = time.monotonic()
        others = [each for each in await self._ucp.containers() if each.name == names.PHASE2]
        for other in others:
            ended = other.state in ("exited", "dead")
            if ended and now - self._ended_since.setdefault(other.id, now) > _LEFTOVER_SECONDS:
                raise FatalError(
                    f"A {names.PHASE2} container was left on node {other.node}; "
                    "make sure that no other operation runs, then remove it"
                )
        if now - self._begin > _QUEUE_SECONDS:
            raise FatalError(f"Another operation still runs in {names.PHASE2}; try again when it has ended")
        self._console.debug(f"{names.PHASE2} exists, waiting", seconds=int(now - self._begin))
        await asyncio.sleep(_POLL)


def _config(phase2: Phase2) -> dict[str, Any]:
    return {
        "Image": names.bootstrapper_image(),
        "Cmd": ["phase2"],
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        # certificates and keys pass through it
        "HostConfig": {"LogConfig": {"Type": "none"}, "Binds": list(phase2.binds)},
    }


async def _feed(attached: Attached, phase2: Phase2) -> None:
    with contextlib.suppress(OSError):  # phase 2 ended without reading all
        await attached.write(frames.request_frame(phase2.request))
        if phase2.stdin:
            async for data in phase2.stdin:
                await attached.write(frames.frame(data))
        await attached.write(frames.END)


async def _pass_on(attached: Attached) -> None:
    async for stream, data in attached.output():
        target = sys.stdout.buffer if stream == hijack.STDOUT else sys.stderr.buffer
        target.write(data)
        target.flush()


async def stdin_from(first: bytes, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield what was read of stdin already, then the rest."""
    yield first
    while data := await reader.read(_CHUNK):
        yield data


async def open_stdin() -> asyncio.StreamReader:
    """Return a reader of stdin, which in a container is a pipe."""
    reader = asyncio.StreamReader(limit=_CHUNK)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    return reader
