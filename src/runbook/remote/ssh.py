"""SSH to the nodes: one connection per node and run, many commands over it, host keys pinned."""

import logging
import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Self

import paramiko

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.remote.lines import Collector, LineSplitter, Sink
from runbook.remote.ssh_command import CHUNK, SshCommand
from runbook.remote.ssh_connect import connect
from runbook.remote.ssh_errors import SSH_FAILURES, explain
from runbook.remote.ssh_line import encode_command, make_end_command, make_marker
from runbook.remote.ssh_target import SshTarget
from runbook.remote.ssh_watch import Watch
from runbook.remote.transport import Completed

__all__ = ["SshConnection", "SshPool", "SshTarget"]
logger = logging.getLogger(__name__)

_PUT_FILE = """
set -e; umask 077
new=$(mktemp "$1.XXXXXX"); trap 'rm -f "$new"' EXIT
cat >"$new"
[ "$(wc -c <"$new")" -eq "$3" ] || { echo "only part of the file arrived" >&2; exit 1; }
chmod "$2" "$new"; sync "$new"; mv -f "$new" "$1"
"""
_CHANNEL_TIMEOUT = 30.0
_END_TIMEOUT = 20.0
_READ_LIMIT = 16 * 1024 * 1024


class SshConnection:
    """An authenticated connection to a node whose host key is the pinned one."""

    def __init__(self, target: SshTarget, jump: "SshConnection | None" = None) -> None:
        """Connect; `jump` is the connection to the target's jump host, if it has one."""
        if (target.jump is None) is not (jump is None):
            raise ValueError("a target behind a jump host needs the connection to it, no other does")
        self.target = target
        self._transport: paramiko.Transport
        self._transport, sock = connect(target, None if jump is None else jump._transport)
        self._watch = Watch(target.name, self._transport, sock)

    @property
    def alive(self) -> bool:
        """Tell whether the connection stands; a dead one is noticed within 15 seconds."""
        return self._transport.is_active()

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> SshCommand:
        """Start a command; the lines of its standard error go to `on_stderr`, from a thread."""
        return self._start(argv, LineSplitter(on_stderr), self._end)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """Run a command to its end, whatever its status; end it itself after `timeout` seconds."""
        return self._run(argv, stdin, timeout, self._end)

    def put_file(self, path: str, content: bytes, mode: int) -> None:
        """Leave exactly `content` at `path` with `mode`; a reader sees the old file or the new one, whole."""
        argv = ("sh", "-c", _PUT_FILE, "sh", path, f"{mode:o}", str(len(content)))
        done = self.run(argv, stdin=content)
        if done.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise RefusedError(
                self.target.name,
                f"{path} could not be written: {words}",
                "see that the folder is there, writable for the SSH user and not full, then rerun",
            )

    def ask_local_port(self, port: int, question: bytes, timeout: float = 10) -> bytes:
        """Return what a service on the node's own loopback answers until it closes the connection."""
        where = self.target.name
        try:
            channel = self._transport.open_channel(
                "direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0), timeout=timeout
            )
            with channel:
                channel.settimeout(timeout)
                channel.sendall(question)
                answer = bytearray()
                while len(answer) < _READ_LIMIT and (more := channel.recv(CHUNK)):
                    answer.extend(more)
        except SSH_FAILURES as error:
            raise explain(where, f"port {port} on its loopback did not answer", error) from error
        return bytes(answer)

    def close(self) -> None:
        """Close the connection with everything that runs over it."""
        self._transport.close()
        self._watch.stop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def _run(
        self, argv: Sequence[str], stdin: bytes, timeout: float, end: Callable[[int], None]
    ) -> Completed:
        stderr = Collector()
        with self._start(argv, stderr, end, reads_input=bool(stdin)) as command:
            clock = threading.Timer(timeout, command.cancel)
            clock.start()
            if stdin:
                threading.Thread(target=_feed, args=(command, stdin), daemon=True).start()
            try:
                stdout = command.stdout.read()
                status = command.wait()
            finally:
                clock.cancel()
        if command.cancelled:
            raise UnreachableError(
                self.target.name,
                f"`{shlex.join(argv[:2])}` did not end within {timeout:.0f} s",
                "see what keeps the node busy (load, disk, its engine's log), then rerun",
            )
        return Completed(status, stdout, stderr.data)

    def _start(
        self, argv: Sequence[str], stderr: Sink, end: Callable[[int], None], *, reads_input: bool = True
    ) -> SshCommand:
        logger.debug("%s: %s", self.target.name, shlex.join(argv))
        marker = make_marker()
        try:
            channel = self._transport.open_session(timeout=_CHANNEL_TIMEOUT)
            channel.exec_command(encode_command(argv, marker, reads_input=reads_input, sudo=self.target.sudo))
        except SSH_FAILURES as error:
            raise explain(self.target.name, f"`{argv[0]}` could not be started", error) from error
        return SshCommand(self.target, channel, stderr, end, marker)

    def _end(self, process: int) -> None:
        """End a process on the node; when that hangs as well, the node is left alone."""
        with suppress(RunbookError):
            self._run(make_end_command(process), b"", _END_TIMEOUT, end=lambda _: None)


def _feed(command: SshCommand, data: bytes) -> None:
    with suppress(BrokenPipeError, UnreachableError):  # the reader of the status tells
        command.write(data)
        command.close_stdin()


class SshPool:
    """The connections of one run, at most one per node or jump host; safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._opening: dict[SshTarget, Future[SshConnection]] = {}
        self._connections: dict[SshTarget, SshConnection] = {}
        self._closed = False

    def get(self, target: SshTarget) -> SshConnection:
        """Return the connection to `target`, opening it, or again when it has died.

        Who asks while it is being opened waits for the same attempt and shares its failure.
        """
        with self._guard:
            known = self._connections.get(target)
            if known is not None and known.alive:
                return known
            waits = target in self._opening
            attempt = self._opening.setdefault(target, Future())
        if not waits:
            self._open(target, known, attempt)
        return attempt.result()

    def _open(self, target: SshTarget, dead: SshConnection | None, attempt: "Future[SshConnection]") -> None:
        """Give the attempt its connection, or its failure."""
        try:
            if dead is not None:
                dead.close()
            jump = None if target.jump is None else self.get(target.jump)
            attempt.set_result(self._keep(SshConnection(target, jump)))
        except BaseException as error:  # noqa: BLE001 - raised again by `result`, for all who wait
            attempt.set_exception(error)
        finally:
            with self._guard:
                del self._opening[target]

    def _keep(self, connection: SshConnection) -> SshConnection:
        with self._guard:
            if not self._closed:
                self._connections[connection.target] = connection
                return connection
        connection.close()
        raise RuntimeError("the pool of SSH connections is closed")

    def close(self) -> None:
        """Close every connection."""
        with self._guard:
            self._closed = True
            connections = list(self._connections.values())
            self._connections.clear()
        for connection in connections:
            connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self.close()
