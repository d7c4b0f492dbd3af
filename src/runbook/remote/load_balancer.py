"""The load balancer as every runbook sees it; its kinds keep the same promises."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runbook.domain.commands import ReplicaPorts
from runbook.domain.findings import Finding
from runbook.domain.load_balancer import Backend, Front, Pool
from runbook.domain.plans import Step
from runbook.remote.ssh import SshConnection


class LoadBalancer(Protocol):
    """Passes TCP to a pool of replicas, each probed for itself."""

    @property
    def name(self) -> str:
        """What findings and steps call it."""
        ...

    def check(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        """Return whether it is set up as it must be, and has this pool; one finding at least."""
        ...

    def plan(self, pool: Sequence[Backend]) -> Step:
        """Return what `apply` would do; nothing is touched."""
        ...

    def apply(self, pool: Sequence[Backend]) -> None:
        """Leave it with exactly this pool, each member up; NotReadyError, and the pool as before, where it is not."""
        ...

    def drain(self, backend: Backend, rest: Sequence[Backend]) -> None:
        """Leave it with `rest` alone; `backend` gets no new connection, and its open ones had the time to end."""
        ...

    def pool_state(self) -> Pool:
        """Return its pool as it is now, by the nodes' names."""
        ...

    def described(self) -> dict[str, Any]:
        """Return what a person would need to build it again; no secret."""
        ...


@dataclass(frozen=True)
class Site:
    """What a load balancer stands between, and the ways to look at it."""

    front: Front
    ssh: Callable[[str], SshConnection]  # to a machine of the cluster file, by its name
    addresses: Mapping[str, str]  # of each registry node, by its name
    answering: Callable[
        [int], Iterator[str]
    ]  # nodes whose replicas answer so many new connections to the external URL
    ports: ReplicaPorts = ReplicaPorts()  # of every replica
