"""A command that runs on a node, over one channel of its SSH connection."""

import base64
import io
import shlex
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO, Self, cast

import paramiko

from runbook.domain.errors import UnreachableError
from runbook.remote.lines import Sink
from runbook.remote.ssh_errors import SSH_FAILURES

CHUNK = 256 * 1024
_STDERR_CHUNK = 32 * 1024
_WHOLE = 1 << 30  # all that has arrived: taking a part would move the rest in memory
_GRACE = 5.0
_END_GROUP = """
for signal in TERM KILL; do
  kill -s $signal -- -$1 2>/dev/null || kill -s $signal $1 2>/dev/null || exit 0
  tries=50
  while [ $tries -gt 0 ] && { kill -0 -- -$1 || kill -0 $1; } 2>/dev/null; do
    sleep 0.1; tries=$((tries-1))
  done
done
"""


def encode_command(argv: Sequence[str], *, reads_input: bool = True) -> str:
    """Return the line for sshd that runs `argv`, whatever the user's login shell is.

    It holds only characters that every shell reads alike. The process first writes its number to standard
    error, so that it can be ended later. One that reads no input finds its end at once, without our telling it:
    told to a command that has just ended, sshd would close the whole connection.
    """
    script = f"echo $$ >&2; exec {shlex.join(argv)}" + ("" if reads_input else " </dev/null")
    encoded = base64.b64encode(script.encode()).decode()
    return f"""exec sh -c 'eval "$(printf %s {encoded} | base64 -d)"'"""


def make_end_command(process: int) -> tuple[str, ...]:
    """Return the command that ends a process and its group, first politely."""
    return ("sh", "-c", _END_GROUP, "sh", str(process))


class _ChannelStdout(io.RawIOBase):
    """A channel's standard output as a raw stream."""

    def __init__(self, channel: paramiko.Channel) -> None:
        super().__init__()
        self._channel = channel
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # the stub asks for the buffer protocol
        if not self._rest:
            self._rest = memoryview(self._channel.recv(_WHOLE))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class SshCommand:
    """A command on a node; see runbook.remote.transport for what it promises."""

    def __init__(
        self, where: str, channel: paramiko.Channel, stderr: Sink, end: Callable[[int], None]
    ) -> None:
        self.stdout: BinaryIO = cast(BinaryIO, io.BufferedReader(_ChannelStdout(channel), CHUNK))
        self._where = where
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
                rest = self._channel.recv_stderr(_STDERR_CHUNK)
            self._stderr.finish()
        finally:
            self._process_known.set()

    def _read_process_number(self) -> bytes:
        """Take the first line, which is ours, and return what came after it."""
        head = b""
        while b"\n" not in head:
            more = self._channel.recv_stderr(_STDERR_CHUNK)
            if not more:
                return head
            head += more
        first, _, rest = head.partition(b"\n")
        if not first.isdigit():
            return head
        self._process = int(first)
        self._process_known.set()
        return rest or self._channel.recv_stderr(_STDERR_CHUNK)

    def _transport_lives(self) -> bool:
        return self._channel.get_transport().is_active()

    def _raise_if_lost(self, cause: BaseException | None) -> None:
        if not self._transport_lives():
            raise UnreachableError(
                self._where,
                "the SSH connection was lost while a command ran",
                "see that the node is up and the network between is whole, then rerun",
            ) from cause
