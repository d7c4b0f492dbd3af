"""A command that runs on a node, over one channel of its SSH connection."""

import io
import threading
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Self, cast

import paramiko

from runbook.domain.errors import UnreachableError
from runbook.remote.lines import Sink
from runbook.remote.ssh_errors import SSH_FAILURES, never_began
from runbook.remote.ssh_line import Beginning
from runbook.remote.ssh_target import SshTarget

CHUNK = 256 * 1024
_STDERR_CHUNK = 32 * 1024
_WHOLE = 1 << 30  # all that has arrived: taking a part would move the rest in memory
_GRACE = 5.0


class _ChannelStdout(io.RawIOBase):
    """A channel's standard output as a raw stream, from the command's own beginning on."""

    def __init__(self, channel: paramiko.Channel, beginning: Beginning) -> None:
        super().__init__()
        self._channel = channel
        self._beginning = beginning
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # the stub asks for the buffer protocol
        if not self._rest:
            self._rest = memoryview(self._beginning.read(lambda: self._channel.recv(_WHOLE)))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class SshCommand:
    """A command on a node; see runbook.remote.transport for what it promises."""

    def __init__(
        self,
        target: SshTarget,
        channel: paramiko.Channel,
        stderr: Sink,
        end: Callable[[int], None],
        marker: bytes,
    ) -> None:
        self._said = Beginning(marker), Beginning(marker)  # on standard output and standard error
        stdout = _ChannelStdout(channel, self._said[0])
        self.stdout: BinaryIO = cast(BinaryIO, io.BufferedReader(stdout, CHUNK))
        self._target = target
        self._where = where = target.name
        self._channel = channel
        self._stderr = stderr
        self._end = end
        self.cancelled = False
        self._ending = threading.Lock()
        self._process: int | None = None
        self._process_known = threading.Event()
        self._drain = threading.Thread(target=self._drain_stderr, name=f"stderr of {where}", daemon=True)
        self._drain.start()

    def write(self, data: bytes) -> None:
        """Send all of `data` to its standard input."""
        try:
            self._channel.sendall(data)
        except SSH_FAILURES as error:
            self._raise_if_lost(error)
            raise BrokenPipeError(f"{self._where}: the command has ended and reads no more") from error

    def close_stdin(self) -> None:
        """Tell it that no more input comes."""
        try:
            self._channel.shutdown_write()
        except SSH_FAILURES as error:
            self._raise_if_lost(error)

    def wait(self) -> int:
        """Return its exit status; -1 when a signal ended it."""
        while self.stdout.read(CHUNK):
            pass
        self._drain.join()
        status = self._channel.recv_exit_status()
        if status == -1 or not self._channel.eof_received:
            self._raise_if_lost(None)
        if not self._said[1].found:
            raise never_began(self._target, status, *(said.noise for said in self._said))
        return status

    def cancel(self) -> None:
        """Close the channel and end the remote process if it still runs; safe to call from any thread."""
        with self._ending:
            if self._channel.exit_status_ready():
                self._channel.close()
                return
            self.cancelled = True
            known = self._process_known.wait(_GRACE)
            self._channel.close()
            if known and self._process is not None and self._transport_lives():
                self._end(self._process)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the remote side if it still runs, and close the channel."""
        self.cancel()
        self._drain.join(_GRACE)

    def _drain_stderr(self) -> None:
        try:
            rest = self._read_process_number()
            while rest:
                self._stderr.feed(rest)
                rest = self._recv_stderr()
            self._stderr.finish()
        finally:
            self._process_known.set()

    def _read_process_number(self) -> bytes:
        """Take the first line, which is ours, and return what came after it; nothing if it never came."""
        head = b""
        while b"\n" not in head:
            more = self._said[1].read(self._recv_stderr)
            if not more:
                return head
            head += more
        first, _, rest = head.partition(b"\n")
        self._process = int(first) if first.isdigit() else None
        self._process_known.set()
        return rest or self._recv_stderr()

    def _recv_stderr(self) -> bytes:
        data: bytes = self._channel.recv_stderr(_STDERR_CHUNK)
        return data

    def _transport_lives(self) -> bool:
        return self._channel.get_transport().is_active()

    def _raise_if_lost(self, cause: BaseException | None) -> None:
        if not self._transport_lives():
            raise UnreachableError(
                self._where,
                "the SSH connection was lost while a command ran",
                "see that the node is up and the network between is whole, then rerun",
            ) from cause
