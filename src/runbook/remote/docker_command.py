"""A container that runs behind the control plane's Docker API, with its streams attached."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, Self

import requests

from runbook.domain.errors import RefusedError, RunbookError
from runbook.remote.attach import STDOUT, read_frames
from runbook.remote.docker_errors import DOCKER_FAILURES, explain
from runbook.remote.half_tls import HalfTls
from runbook.remote.lines import LineSplitter

CHUNK = 256 * 1024
_EXIT_WITHIN = 30.0  # after the end of the output


class DockerCommand:
    """A running container; see runbook.remote.transport for what it promises."""

    def __init__(
        self,
        where: str,
        stream: HalfTls,
        exit_answer: requests.Response,
        on_stderr: Callable[[str], None],
        remove: Callable[[], None],
    ) -> None:
        readable, self._writable = os.pipe()
        self.stdout: BinaryIO = os.fdopen(readable, "rb", buffering=CHUNK)
        self._where = where
        self._stream = stream
        self._exit_answer = exit_answer
        self._stderr = LineSplitter(on_stderr)
        self._remove = remove
        self._broken: Exception | None = None
        self._exit: dict[str, Any] | None = None
        self._pump = threading.Thread(target=self._pump_output, name=f"output from {where}", daemon=True)
        self._listen = threading.Thread(target=self._await_exit, name=f"exit from {where}", daemon=True)
        self._pump.start()
        self._listen.start()

    def write(self, data: bytes) -> None:
        """Send all of `data` to the container's standard input."""
        try:
            self._stream.write(data)
        except OSError as error:
            raise BrokenPipeError(f"{self._where}: the container reads no more") from error

    def close_stdin(self) -> None:
        """Tell the container that no more input comes; its output stays open."""
        with suppress(OSError):  # an ended container needs no end of input
            self._stream.close_write()

    def wait(self) -> int:
        """Return the container's exit status."""
        while self.stdout.read(CHUNK):
            pass
        self._pump.join()
        self._listen.join(_EXIT_WITHIN)
        if self._broken is not None or self._exit is None:
            raise self._lost() from self._broken
        if problem := (self._exit.get("Error") or {}).get("Message"):
            raise RefusedError(self._where, f"the container ended badly: {problem}", "read the engine's log")
        return int(self._exit["StatusCode"])

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the container if it was left before its end, and close the connection."""
        if self._exit is None:
            self._remove()
        self._stream.close()
        self.stdout.close()
        self._pump.join()
        self._listen.join(_EXIT_WITHIN)
        self._exit_answer.close()

    def _pump_output(self) -> None:
        try:
            for output, data in read_frames(self._stream):
                if output == STDOUT:
                    self._pass_on(data)
                else:
                    self._stderr.feed(data)
        except OSError as error:
            self._broken = error
        finally:
            self._stderr.finish()
            os.close(self._writable)

    def _await_exit(self) -> None:
        try:
            self._exit = self._exit_answer.json()
        except DOCKER_FAILURES as error:
            self._broken = error

    def _pass_on(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._writable, view) :]

    def _lost(self) -> RunbookError:
        why = self._broken or OSError("its output ended and the container did not")
        return explain(self._where, "the connection was lost while a container ran", why)
