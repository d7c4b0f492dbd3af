"""The protocol behind which both ways to the cluster stand: `ssh` and `docker`.

Its contract, which tests/contract/test_transports.py holds against both:

- streams are binary both ways, and standard error never mixes with standard output;
- the end of `stdout` proves nothing: `wait` raises an UnreachableError when the connection was lost;
- a write to a command that has ended raises BrokenPipeError or is dropped: `wait` and its last words say why;
- leaving a `RunningCommand` early ends the remote side;
- a secret is neither in an argument list nor in a log line, on either side;
- a container that was there before under the name of a run is left alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Generic, Protocol, Self, TypeVar

from pydantic import SecretStr

Seen = TypeVar("Seen")
ENGINE_SOCKET = "/var/run/docker.sock"
SOCKET_OPTIONS = ("label=disable",)
"""SELinux keeps a container from the engine's socket, unless it is told not to; elsewhere it says nothing."""


@dataclass(frozen=True)
class Completed:
    """A command that has ended, whatever its status."""

    status: int
    stdout: bytes
    stderr: bytes


class RunningCommand(Protocol):
    """A command that runs; its standard error goes to the callback given at its start, from a thread."""

    stdout: BinaryIO

    def write(self, data: bytes) -> None:
        """Send all of `data` to its standard input."""

    def close_stdin(self) -> None:
        """Tell it that no more input comes; its output stays open."""

    def wait(self) -> int:
        """Return its exit status after its output has ended, dropping what nobody read."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the remote side if it still runs."""


@dataclass(frozen=True)
class ContainerRun:
    """A container to run next to the control plane and to remove afterwards."""

    image: str
    args: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, SecretStr] = field(default_factory=dict)
    interactive: bool = False
    log_driver_none: bool = True
    name: str | None = None  # where the vendor demands one; a node that has it already refuses the run
    uses_engine: bool = False  # the container is given the socket of the engine that it runs on


@dataclass(frozen=True)
class ContainerSeen:
    """A container as its engine describes it; `state` is the engine's word (`running`, `exited`, …)."""

    node: str
    name: str
    state: str
    image: str
    labels: Mapping[str, str]
    created: datetime | None


@dataclass(frozen=True)
class VolumeSeen:
    """A volume on a node."""

    node: str
    name: str


@dataclass(frozen=True)
class Observation(Generic[Seen]):
    """What was seen on the nodes that answered, and which nodes did not, each with the reason."""

    seen: tuple[Seen, ...]
    unreachable: Mapping[str, str]


class Transport(Protocol):
    """A way to run the bootstrapper and to look at every node."""

    name: str

    def start(self, run: ContainerRun, on_stderr: Callable[[str], None]) -> RunningCommand:
        """Start the container near the control plane; it is gone when the command is left."""

    def containers(self, name_prefix: str = "dtr-") -> Observation[ContainerSeen]:
        """Return the containers on every reachable node, stopped ones included."""

    def volumes(self, name_prefix: str = "dtr-") -> Observation[VolumeSeen]:
        """Return the volumes on every reachable node."""

    def close(self) -> None:
        """Close every connection and delete what was written to this machine."""
