"""Runs a program as the child of a service and passes on what stops it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

_GRACE = 5.0


class Child:
    """A program that is started, restarted and ended by its service."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Leave the program running, with certificates checked by the system's list alone."""
        # AWS_CA_BUNDLE makes Distribution's S3 driver panic at start
        environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        self._process = await asyncio.create_subprocess_exec(*self._command, env=environment)

    async def stop(self) -> None:
        """Leave the program ended."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        """End the program and start it again."""
        await self.stop()
        await self.start()

    async def reload(self) -> None:
        """Have the program read its configuration again."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGHUP)

    @property
    def ended(self) -> int | None:
        """Return the exit status of the program when it ended by itself."""
        return self._process.returncode if self._process else None


def run(service: Coroutine[Any, Any, None]) -> None:
    """Run a service until it ends or the container is stopped."""
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_stopped(service))
    sys.exit(0)


async def _until_stopped(service: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(service)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await task
