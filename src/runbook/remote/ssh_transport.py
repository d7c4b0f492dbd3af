"""The `ssh` transport: the docker command line on the nodes, over each node's own SSH connection."""

import base64
import json
import logging
import secrets
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.remote.engine_json import parse_inspected
from runbook.remote.ssh import SshPool, SshTarget
from runbook.remote.ssh_command import SshCommand
from runbook.remote.transport import (
    ENGINE_SOCKET,
    SOCKET_OPTIONS,
    Completed,
    ContainerRun,
    ContainerSeen,
    Observation,
    VolumeSeen,
)

logger = logging.getLogger(__name__)
Seen = TypeVar("Seen", ContainerSeen, VolumeSeen)

_LABEL = "runbook.run"
_REMOVE = """
ids=$(docker ps -aq --no-trunc --filter "label=$2")
[ -z "$ids" ] || { docker stop -t "$1" $ids; docker rm -f $ids; }
"""
_INSPECT_ALL = 'ids=$(docker ps -aq --no-trunc) && { [ -z "$ids" ] || docker inspect $ids; }'
_READ_SECRET = """
IFS= read -r NAME; NAME=$(printf %s "$NAME" | base64 -d && echo .) || exit 1
NAME=${NAME%.}; export NAME
"""  # one line of base64 each, for a private key has many lines; the dot keeps the shell from dropping its last
_STOP_SECONDS = 10
_AT_ONCE = 8


def make_run_command(label: str, run: ContainerRun) -> tuple[str, ...]:
    """Return the command that runs the container in the foreground and removes it afterwards.

    Secrets are read from the first lines of standard input; the rest of the input is the container's. The label is
    this run's alone: its name may be that of a container that was there before.
    """
    docker: list[str] = ["docker", "run", "--rm", "--name", run.name or label, "--label", f"{_LABEL}={label}"]
    if run.interactive:
        docker.append("-i")
    if run.log_driver_none:
        docker += ["--log-driver", "none"]
    if run.uses_engine:
        docker += ["--volume", f"{ENGINE_SOCKET}:{ENGINE_SOCKET}"]
        docker += [word for option in SOCKET_OPTIONS for word in ("--security-opt", option)]
    for key, value in run.env.items():
        docker += ["--env", f"{key}={value}"]
    docker += [word for variable in run.secret_env for word in ("--env", variable)]
    docker += [run.image, *run.args]
    if not run.secret_env:
        return tuple(docker)
    reads = "".join(_READ_SECRET.replace("NAME", variable) for variable in run.secret_env)
    return ("sh", "-c", f"{reads}exec {shlex.join(docker)}")


class SshTransport:
    """Runs containers on a manager and looks at every node, all over SSH."""

    name = "ssh"

    def __init__(self, pool: SshPool, managers: Sequence[SshTarget], nodes: Sequence[SshTarget]) -> None:
        self._pool = pool
        self._managers = tuple(managers)
        self._nodes = tuple(nodes)

    def start(self, run: ContainerRun, on_stderr: Callable[[str], None]) -> "SshContainer":
        """Start the container on the first manager that answers; it is gone when the command is left."""
        manager = self._answering_manager()
        secrets_sent = secret_lines(manager.name, run)
        label = f"runbook-{secrets.token_hex(6)}"
        command = self._pool.get(manager).start(make_run_command(label, run), on_stderr=on_stderr)
        container = SshContainer(command, lambda: self._remove(manager, label))
        try:
            container.write(secrets_sent)
        except BaseException:
            container.__exit__(None, None, None)
            raise
        return container

    def containers(self, name_prefix: str = "dtr-") -> Observation[ContainerSeen]:
        """Return the containers on every reachable node, stopped ones included."""
        return self._observe(lambda node: self._containers_on(node, name_prefix))

    def volumes(self, name_prefix: str = "dtr-") -> Observation[VolumeSeen]:
        """Return the volumes on every reachable node."""
        return self._observe(lambda node: self._volumes_on(node, name_prefix))

    def close(self) -> None:
        """Close the connections of the pool."""
        self._pool.close()

    def _answering_manager(self) -> SshTarget:
        """Return the first manager that answers; the last one is not tried before it is used."""
        for manager in self._managers[:-1]:
            try:
                self._pool.get(manager)
            except UnreachableError as error:
                logger.warning("%s: %s; the next manager is taken", error.where, error.what)
            else:
                return manager
        return self._managers[-1]

    def _observe(self, look: Callable[[SshTarget], tuple[Seen, ...]]) -> Observation[Seen]:
        seen: list[Seen] = []
        unreachable: dict[str, str] = {}
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            looks = [(node, threads.submit(look, node)) for node in self._nodes]
        for node, future in looks:
            try:
                seen.extend(future.result())
            except UnreachableError as error:
                unreachable[node.name] = error.what
        return Observation(tuple(seen), unreachable)

    def _containers_on(self, node: SshTarget, prefix: str) -> tuple[ContainerSeen, ...]:
        done = self._pool.get(node).run(("sh", "-c", _INSPECT_ALL))
        if not _only_vanished(done):
            _raise_if_failed(node, "docker inspect", done)
        inspected = json.loads(done.stdout or b"[]")
        containers = (parse_inspected(node.name, container) for container in inspected)
        return tuple(container for container in containers if container.name.startswith(prefix))

    def _volumes_on(self, node: SshTarget, prefix: str) -> tuple[VolumeSeen, ...]:
        done = self._pool.get(node).run(("docker", "volume", "ls", "--format", "{{.Name}}"))
        _raise_if_failed(node, "docker volume ls", done)
        names = done.stdout.decode().split()
        return tuple(VolumeSeen(node.name, name) for name in names if name.startswith(prefix))

    def _remove(self, manager: SshTarget, label: str) -> None:
        """Stop the container politely, so that it can tidy up its second phase, and remove it."""
        with suppress(RunbookError):  # the caller is leaving with an error of its own
            filters = (str(_STOP_SECONDS), f"{_LABEL}={label}")
            self._pool.get(manager).run(("sh", "-c", _REMOVE, "sh", *filters))
            logger.info("%s: the container %s was ended before its time", manager.name, label)


class SshContainer:
    """A container on the manager, run in the foreground by a command over SSH."""

    def __init__(self, command: SshCommand, remove: Callable[[], None]) -> None:
        self.stdout: BinaryIO = command.stdout
        self._command = command
        self._remove = remove
        self._ended = False

    def write(self, data: bytes) -> None:
        """Send all of `data` to the container's standard input."""
        self._command.write(data)

    def close_stdin(self) -> None:
        """Tell the container that no more input comes."""
        self._command.close_stdin()

    def wait(self) -> int:
        """Return the container's exit status."""
        status = self._command.wait()
        self._ended = True
        return status

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the container if it was left before its end."""
        if not self._ended:
            self._remove()
        self._command.__exit__(kind, error, trace)


def secret_lines(where: str, run: ContainerRun) -> bytes:
    """Return what the command of `make_run_command` reads before the container's own input."""
    lines = b""
    for variable, secret in run.secret_env.items():
        value = secret.get_secret_value().encode()
        if b"\0" in value:
            what = f"the value of {variable} holds a zero byte"
            raise RefusedError(where, what, "correct the secret that the cluster file names")
        lines += base64.b64encode(value) + b"\n"
    return lines


def _only_vanished(done: Completed) -> bool:
    """Tell whether the only complaint is about containers that were removed while we looked."""
    complaints = done.stderr.decode(errors="replace").splitlines()
    return done.status == 1 and bool(complaints) and all("No such " in line for line in complaints)


def _raise_if_failed(node: SshTarget, command: str, done: Completed) -> None:
    if done.status != 0:
        words = done.stderr.decode(errors="replace").strip() or f"status {done.status}"
        raise UnreachableError(
            node.name,
            f"`{command}` ended with {done.status}: {words}",
            "see that the engine runs on the node and that the SSH user may use it, then rerun",
        )
