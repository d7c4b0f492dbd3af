"""A transport whose containers are processes of this machine; it knows one image and no node."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO, Self, cast

from runbook.domain.errors import RefusedError
from runbook.remote.lines import LineSplitter
from runbook.remote.transport import ContainerRun, ContainerSeen, Observation, VolumeSeen


class LocalTransport:
    """Runs `entrypoint` with the arguments of each run; remembers the runs, without their secrets."""

    name = "local"

    def __init__(self, image: str, entrypoint: Sequence[str] = ()) -> None:
        self._image = image
        self._entrypoint = tuple(entrypoint)
        self.runs: list[ContainerRun] = []
        self.running: list[LocalCommand] = []

    def start(self, run: ContainerRun, on_stderr: Callable[[str], None]) -> "LocalCommand":
        if run.image != self._image:
            raise RefusedError("here", f"No such image: {run.image}", "load it")
        self.runs.append(run)
        environment = dict(run.env)
        environment |= {name: secret.get_secret_value() for name, secret in run.secret_env.items()}
        process = subprocess.Popen(
            [*self._entrypoint, *run.args],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
            stdin=subprocess.PIPE if run.interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.running.append(LocalCommand(process, on_stderr))
        return self.running[-1]

    def containers(self, name_prefix: str = "dtr-") -> Observation[ContainerSeen]:
        return Observation((), {})

    def volumes(self, name_prefix: str = "dtr-") -> Observation[VolumeSeen]:
        return Observation((), {})

    def close(self) -> None:
        """Nothing is open."""


class LocalCommand:
    def __init__(self, process: subprocess.Popen[bytes], on_stderr: Callable[[str], None]) -> None:
        self.process = process
        self.stdout: BinaryIO = cast("BinaryIO", process.stdout)
        self._lines = LineSplitter(on_stderr)
        self._drain = threading.Thread(target=self._drain_stderr)
        self._drain.start()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_stdin(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()

    def wait(self) -> int:
        while self.stdout.read(1 << 16):
            pass
        self._drain.join()
        return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self._drain.join()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                _close(stream)

    def _drain_stderr(self) -> None:
        assert self.process.stderr is not None
        while data := self.process.stderr.read1(1 << 16):  # type: ignore[attr-defined]  # typed as plain IO
            self._lines.feed(data)
        self._lines.finish()


def _close(stream: BinaryIO | object) -> None:
    try:
        cast("BinaryIO", stream).close()
    except BrokenPipeError:
        """The process has ended with input unread."""
