"""The vendor's bootstrapper, one method per command, over either transport."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from pydantic import SecretStr

from runbook.domain import commands
from runbook.domain.bootstrapper_output import (
    find_replica_count,
    find_replica_id,
    parse_images,
    select_warnings,
)
from runbook.domain.errors import MismatchError, NotReadyError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper_log import BootstrapperLog
from runbook.remote.control_plane_api import ControlPlaneAccess
from runbook.remote.silence import SilenceLimit
from runbook.remote.transport import ContainerRun, RunningCommand, Transport

CHUNK = 1024 * 1024
SILENCE = 3600.0
"""Seconds without a line or a byte after which a command is ended, for it holds the cluster's lock.

Known installs hang for ever. The longest wait that the vendor announces is 600 s; what it does without a word is
copying metadata, and an hour of that is 35 GiB at 10 MiB/s.
"""


class Source(Protocol):
    """Where the bytes of an archive come from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, empty at the end."""


@dataclass(frozen=True)
class InstallResult:
    """A first replica that the bootstrapper calls installed."""

    replica_id: str
    log: tuple[str, ...]


@dataclass(frozen=True)
class JoinResult:
    """A replica that the bootstrapper calls joined, and what it said about the cluster."""

    replica_id: str
    replica_count: int | None
    warnings: tuple[str, ...]


class Bootstrapper:
    """Runs the bootstrapper's image; every failure is an error with the vendor's words and what to do next."""

    def __init__(
        self,
        transport: Transport,
        image: str,
        version: Version,
        access: ControlPlaneAccess,
        *,
        silence: float = SILENCE,
    ) -> None:
        self._transport = transport
        self._silence = silence
        self.image = image
        self._version = version
        self._access = access
        self.seconds: list[float] = []  # of each command that was run to its end, good or bad

    def install(
        self, spec: commands.InstallSpec, secrets: Mapping[str, SecretStr] | None = None
    ) -> InstallResult:
        """Leave a first replica on the node and return its ID; `secrets` are environment variables."""
        args = commands.make_install_command(self._access.flags, spec, self._version)
        log = self._run(spec.node, args, secrets=secrets or {})
        replica_id = _require_id(spec.node, "install", find_replica_id(log.lines) or spec.replica_id)
        return InstallResult(replica_id, tuple(line.message for line in log.lines))

    def join(self, spec: commands.JoinSpec) -> JoinResult:
        """Leave a further replica on the node and return its ID and the number of replicas."""
        args = commands.make_join_command(self._access.flags, spec, self._version)
        log = self._run(spec.node, args)
        replica_id = _require_id(spec.node, "join", find_replica_id(log.lines) or spec.replica_id)
        return JoinResult(replica_id, find_replica_count(log.lines), select_warnings(log.lines))

    def destroy(self, replica_id: str) -> None:
        """Leave nothing of a replica, its local images included; the others are not told."""
        args = commands.make_destroy_command(self._access.flags, replica_id, self._version)
        self._run(f"replica {replica_id}", args)

    def remove(self, spec: commands.RemoveSpec) -> None:
        """Leave the cluster without the named replicas."""
        args = commands.make_remove_command(self._access.flags, spec, self._version)
        self._run(f"replica {', '.join(spec.replica_ids)}", args)

    def upgrade(self, existing_replica_id: str) -> None:
        """Leave every replica in this bootstrapper's version, one after another; what is done already is kept."""
        args = commands.make_upgrade_command(self._access.flags, existing_replica_id, self._version)
        self._run(f"replica {existing_replica_id}", args)

    def images(self) -> tuple[str, ...]:
        """Return the images that a node needs; the control plane is not asked."""
        log, limit = BootstrapperLog(self.image), self._limit(self.image)
        run = ContainerRun(self.image, commands.make_images_command())
        with self._transport.start(run, log.take) as command, limit.over(command):
            stdout = command.stdout.read()
            log.judge(command.wait())
        return parse_images(stdout.decode(errors="replace"))

    def restore(self, spec: commands.RestoreSpec, source: Source) -> None:
        """Leave a fresh one-replica cluster filled from the archive that `source` yields."""
        args = commands.make_restore_command(self._access.flags, spec, self._version)
        self._run(spec.node, args, source)

    @contextmanager
    def backup(self, spec: commands.BackupSpec) -> Iterator["BackupStream"]:
        """Yield the metadata archive as a stream; leaving without `finish` ends the backup."""
        args = commands.make_backup_command(self._access.flags, spec, self._version)
        run = self._container(args, {})
        where = f"replica {spec.existing_replica_id}"
        limit = self._limit(where)
        log = _HeardLog(limit, where, *run.secret_env.values())
        with self._transport.start(run, log.take) as command, limit.over(command):
            command.close_stdin()
            yield BackupStream(command, log, limit)

    def _run(
        self,
        where: str,
        args: commands.Arguments,
        source: Source | None = None,
        *,
        secrets: Mapping[str, SecretStr] | None = None,
    ) -> BootstrapperLog:
        """Run a command whose outputs are both log lines, and judge its end."""
        run, begun = self._container(args, secrets or {}), time.monotonic()
        limit = self._limit(where)
        log = _HeardLog(limit, where, *run.secret_env.values())
        try:
            with self._transport.start(run, log.take) as command, limit.over(command):
                drain = threading.Thread(target=_take_lines, args=(command.stdout, log), daemon=True)
                drain.start()
                _feed(command, source, limit)
                drain.join()
                log.judge(command.wait())
        finally:
            self.seconds.append(time.monotonic() - begun)
        return log

    def _limit(self, where: str) -> SilenceLimit:
        what = f"the bootstrapper said nothing for {self._silence / 60:.0f} min and was ended"
        next_step = (
            "see `docker logs dtr-phase2` on the node it worked on; remove that container there,"
            " then run `runbook check`, which tells what is half-made"
        )
        return SilenceLimit(self._silence, lambda: NotReadyError(where, what, next_step))

    def _container(self, args: commands.Arguments, secrets: Mapping[str, SecretStr]) -> ContainerRun:
        environment = {"UCP_PASSWORD": self._access.password, **secrets}
        return ContainerRun(self.image, args, secret_env=environment, interactive=True)


class _HeardLog(BootstrapperLog):
    """The lines of a run, each a sign of life."""

    def __init__(self, limit: SilenceLimit, where: str, *hide: SecretStr) -> None:
        super().__init__(where, *hide)
        self._limit = limit

    def take(self, raw: str) -> None:
        self._limit.heard()
        super().take(raw)


class BackupStream:
    """The metadata archive as the bootstrapper writes it. Its end proves nothing until `finish` returns."""

    def __init__(self, command: RunningCommand, log: BootstrapperLog, limit: SilenceLimit) -> None:
        self._command = command
        self._log = log
        self._limit = limit

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, empty at the end."""
        self._limit.listen()
        data = self._command.stdout.read(size)
        self._limit.rest()
        return data

    def finish(self) -> None:
        """Return when the bootstrapper ended with 0 and without a fatal line; RefusedError otherwise."""
        self._limit.listen()
        self._log.judge(self._command.wait())


def _feed(command: RunningCommand, source: Source | None, limit: SilenceLimit) -> None:
    with suppress(BrokenPipeError):  # the command has ended; its last words say why
        while source is not None and (data := source.read(CHUNK)):
            command.write(data)
            limit.heard()
        command.close_stdin()


def _take_lines(stdout: BinaryIO, log: BootstrapperLog) -> None:
    with suppress(ValueError):  # closed: the command was left early
        for line in stdout:
            log.take(line.decode(errors="replace"))


def _require_id(where: str, command: str, replica_id: str | None) -> str:
    if replica_id is None:
        raise MismatchError(
            where,
            f"{command} ended well and named no replica",
            "run `check` to see whether a replica is there, then rerun",
        )
    return replica_id
