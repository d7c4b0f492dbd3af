"""A machine on which commands run: this one, or a node over SSH; a storage in files does not see the difference."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO, Protocol, Self, cast

from runbook.domain.errors import RefusedError
from runbook.remote.lines import LineSplitter
from runbook.remote.transport import RunningCommand

_READ = 256 * 1024
_GRACE = 5.0


class Machine(Protocol):
    """Runs commands; an SshConnection is one."""

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> RunningCommand:
        """Start a command; the lines of its standard error go to `on_stderr`, from a thread."""


class LocalMachine:
    """The machine that the runbook runs on."""

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> "LocalCommand":
        """Start a process of its own group."""
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=_READ,
            )
        except OSError as exc:
            what = f"`{shlex.join(argv[:1])}` could not be started: {exc.strerror}"
            raise RefusedError("this machine", what, "install it, then rerun") from exc
        return LocalCommand(process, on_stderr)


class LocalCommand:
    """A process of this machine; see runbook.remote.transport for what a command promises."""

    def __init__(self, process: "subprocess.Popen[bytes]", on_stderr: Callable[[str], None]) -> None:
        self.stdout = cast("BinaryIO", process.stdout)
        self._process = process
        self._lines = LineSplitter(on_stderr)
        self._drain = threading.Thread(target=self._drain_stderr, name="stderr", daemon=True)
        self._drain.start()

    def write(self, data: bytes) -> None:
        """Send all of `data` to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def close_stdin(self) -> None:
        """Tell it that no more input comes."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            """It has ended and reads no more; its status tells."""

    def wait(self) -> int:
        """Return its exit status; negative when a signal ended it."""
        self.close_stdin()
        while self.stdout.read(_READ):
            pass
        self._drain.join()
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # with what it started: its group is its own
            self._process.wait()
        self.close_stdin()
        self._drain.join(_GRACE)
        self.stdout.close()

    def _drain_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            while data := stderr.read1(_READ):  # type: ignore[attr-defined]  # Popen's stub says IO, it is buffered
                self._lines.feed(data)
        self._lines.finish()
