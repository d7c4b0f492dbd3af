"""The control plane's backup, over either transport, as one stream into the vault."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runbook.domain.bootstrapper_output import why_failed
from runbook.domain.control_plane_backup import (
    CONTAINER,
    KEY,
    WHERE,
    ControlPlaneArchive,
    failure,
    make_control_plane_backup_command,
)
from runbook.domain.errors import RefusedError
from runbook.remote.archive import seal_stream
from runbook.remote.bootstrapper import Source
from runbook.remote.bootstrapper_log import BootstrapperLog
from runbook.remote.encryption import Sink
from runbook.remote.tar_walker import TarWalker
from runbook.remote.transport import ContainerRun, RunningCommand, Transport


class ControlPlaneBackup:
    """Runs the control plane's image on one manager, next to the engine whose control plane it backs up."""

    def __init__(self, transport: Transport, image: str) -> None:
        self._transport = transport
        self.image = image

    @contextmanager
    def stream(self) -> Iterator["ControlPlaneStream"]:
        """Yield the archive as a stream; leaving without `finish` ends the backup."""
        log = BootstrapperLog(WHERE)
        with self._start(log) as command:
            command.close_stdin()
            yield ControlPlaneStream(command, log)

    def _start(self, log: BootstrapperLog) -> RunningCommand:
        run = ContainerRun(
            self.image,
            make_control_plane_backup_command(),
            interactive=True,
            name=CONTAINER,
            uses_engine=True,
        )
        try:
            return self._transport.start(run, log.take)
        except RefusedError as refused:
            raise failure(refused.what) from refused


class ControlPlaneStream:
    """The archive as the control plane's image writes it. Its end proves nothing until `finish` returns."""

    def __init__(self, command: RunningCommand, log: BootstrapperLog) -> None:
        self._command = command
        self._log = log

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, empty at the end."""
        return self._command.stdout.read(size)

    def finish(self) -> None:
        """Return when the backup ended with 0 and without a fatal line; else raise what its words mean."""
        if why := why_failed(self._command.wait(), self._log.lines):
            raise failure(why)


class _Walked:
    """A source whose bytes are walked as a tar on their way."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.walker = TarWalker(frozenset(), lambda _table, _row: None, watched=frozenset({KEY}))

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self.walker.feed(data)
        return data


def stream_control_plane(
    source: Source, sink: Sink, recipients: Sequence[str], image: str
) -> ControlPlaneArchive:
    """Carry the control plane's tar into `sink` and return what went by; judging it is `why_not_whole`."""
    walked = _Walked(source)
    part = seal_stream(walked, sink, recipients)
    walker = walked.walker
    return ControlPlaneArchive(
        image=image,
        part=part,
        entries=walker.entries,
        key_size=walker.sizes.get(KEY),
        ended_properly=walker.ended_properly,
        trouble=tuple(walker.trouble),
    )
