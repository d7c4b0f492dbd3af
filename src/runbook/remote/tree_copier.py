"""From files of a node into a vault: the names go out, the bytes come back, in one `tar` for a whole pass.

`tar` reads names while it writes, so the listing, the stream and the vault work at the same time, and memory does not
grow with the number of files. It keeps back up to one record of what it wrote; the folder itself, named often enough
to fill a record, pushes that out when somebody waits for it.
"""

import tarfile
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self, cast

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.arrivals import Arrivals
from runbook.remote.copying import Copied, Wanted
from runbook.remote.storage_tree import TreeStorage, not_there
from runbook.remote.transport import RunningCommand
from runbook.remote.tree_listing import NO_FOLDER

_TAR = (
    f'export LC_ALL=C; cd -- "$1" 2>/dev/null || exit {NO_FOLDER}; '
    "exec tar --create --file=- --format=gnu --blocking-factor=20 --hard-dereference --no-recursion"
    " --null --files-from=-"
)
_RECORD = b".\0" * 20  # headers of 512 bytes: a record of 20 blocks
_SEND_AT = 32 * 1024
_FINE = (
    "Cannot stat: No such file or directory",
    "File removed before we read it",
    "Exiting with failure status",
)


class TreeCopier:
    """Copies files of a node, in the order in which they are submitted."""

    def __init__(self, storage: TreeStorage, arrivals: Arrivals) -> None:
        """Copy from `storage` into `arrivals`; no command runs before the first file is wanted."""
        self._storage, self._arrivals = storage, arrivals
        self._names = bytearray()
        self._waiting: deque[tuple[Wanted, Future[Copied]]] = deque()
        self._said: list[str] = []
        self._command: RunningCommand | None = None
        self._reader = threading.Thread(target=self._read, name="tar", daemon=True)
        self._guard = threading.Lock()
        self._ended: BaseException | None = None

    def submit(self, wanted: Wanted) -> "Future[Copied]":
        """Have the file sent."""
        outcome: Future[Copied] = Future()
        if self._command is None:
            self._start()
        with self._guard:
            if self._ended:
                outcome.set_exception(self._ended)
                return outcome
            self._waiting.append((wanted, outcome))
        self._names += b"./" + wanted.source.encode(errors="surrogateescape") + b"\0"
        if len(self._names) >= _SEND_AT:
            self._send()
        return outcome

    def flush(self) -> None:
        """Have everything sent that was submitted."""
        if self._names:
            self._names += _RECORD
            self._send()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._command:
                if kind is None:
                    self._send()
                    self._command.close_stdin()
                else:
                    self._command.__exit__(kind, error, trace)
                self._reader.join()
        finally:
            self._arrivals.__exit__(kind, error, trace)
        if kind is None and self._command:
            self._command.__exit__(None, None, None)
            if self._ended is not None and not isinstance(self._ended, EOFError):
                raise self._ended

    def _start(self) -> None:
        argv = ("sh", "-c", _TAR, "sh", self._storage.root)
        self._command = self._storage.machine.start(argv, on_stderr=self._said.append)
        self._reader.start()

    def _send(self) -> None:
        names, self._names = bytes(self._names), bytearray()
        assert self._command
        with suppress(BrokenPipeError):  # it has ended: whoever reads says why
            self._command.write(names)

    def _read(self) -> None:
        ended: BaseException = EOFError("the stream has ended")
        try:
            self._take_all()
            self._require_sound_end()
        except BaseException as exc:  # noqa: BLE001 - it is raised where a future is asked, or at the end
            ended = exc
        with self._guard:
            self._ended = ended
        while self._waiting:
            self._refuse(ended)

    def _take_all(self) -> None:
        command = cast("RunningCommand", self._command)
        try:
            with tarfile.open(fileobj=command.stdout, mode="r|", bufsize=20 * 512) as tar:
                while member := tar.next():
                    tar.members.clear()  # type: ignore[attr-defined]  # it would remember every one
                    if member.isreg() and (stream := tar.extractfile(member)):
                        self._take(member.name.removeprefix("./"), member.size, cast("BinaryIO", stream))
        except tarfile.TarError as exc:
            command.wait()
            what = f"its files arrive cut or damaged: {exc}; {' '.join(self._said[-3:])}".rstrip("; ")
            raise UnreachableError(self._storage.where, what, "see that the node is up, then rerun") from exc

    def _take(self, name: str, size: int, stream: BinaryIO) -> None:
        while self._waiting:
            wanted, outcome = self._waiting[0]
            if wanted.source == name:
                self._waiting.popleft()
                self._arrivals.take(wanted, stream, outcome)
                return
            self._refuse(EOFError())

    def _refuse(self, why: BaseException) -> None:
        """Settle the next file that did not come: it has vanished, unless the stream ended too early."""
        wanted, outcome = self._waiting.popleft()
        gone = not_there(self._storage.where, wanted.source)
        outcome.set_exception(gone if isinstance(why, EOFError) else why)

    def _require_sound_end(self) -> None:
        status = cast("RunningCommand", self._command).wait()
        complaints = [line for line in self._said if not any(fine in line for fine in _FINE)]
        if complaints or status not in {0, 2}:
            what = complaints[0] if complaints else f"tar ended with status {status}"
            raise RefusedError(self._storage.where, what, "see its node's disk and log, then rerun")
