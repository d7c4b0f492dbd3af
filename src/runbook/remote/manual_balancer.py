"""A load balancer that a person sets up: it is told what to do, and observed from outside until it does that."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.load_balancer import (
    WRITERS,
    Backend,
    Front,
    Member,
    plan_pool,
    pool_text,
    why_not_members,
)
from runbook.domain.plans import Step
from runbook.remote.load_balancer import Site
from runbook.remote.peer_certificate import peer_certificate
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.waiting import wait_until

logger = logging.getLogger(__name__)

_LOOKS = 8  # connections per replica: who is chosen at random escapes all of them once in 3,000 rounds
_UNSEEN = "its probe and its idle time cannot be seen from here"


def instruction(pool: Sequence[Backend], front: Front) -> str:
    """Return what a person sets up so that the pool is this one."""
    listed = ", ".join(f"{b.name} {b.address}:{b.https_port}" for b in sorted(pool, key=lambda b: b.name))
    plain = ", ".join(f"{b.address}:{b.http_port}" for b in sorted(pool, key=lambda b: b.name))
    return (
        f"{pool_text(pool)}: pass TCP from port {front.https_port} to {listed or 'nobody'} and from port"
        f" {front.http_port} to {plain or 'nobody'}; ask each for its health by GET {front.probe_path} over HTTPS,"
        " 200 is healthy; let silent connections live for 15 minutes; let open ones of a replica that leaves end"
    )


def nodes_that_answer(admin: RegistryAdmin, times: int) -> Iterator[str]:
    """Yield the node of the replica that answers each call, its id where the registry does not name its node."""
    for _ in range(times):
        settings = admin.settings()
        yield settings.nodes.get(settings.replica_id) or settings.replica_id


class ManualBalancer:
    """What can be seen of the pool from outside: which replicas answer new connections to the external URL."""

    def __init__(self, name: str, site: Site, within: float, poll: float = 10.0) -> None:
        self._name = name
        self._site = site
        self._within = within
        self._poll = poll

    @property
    def name(self) -> str:
        """What the cluster file calls it."""
        return self._name

    def check(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        """Return whether TLS passes through it and the replicas of this pool answer, and no other."""
        if not pool:
            return (ok(self._name, "nothing to see before there is a replica"),)
        tls = self._tls(pool)
        try:
            reason = self._why_not(pool)
        except RefusedError as error:  # somebody else answers there
            return (*tls, from_error(error, Level.WARNING))
        if reason:
            what = f"its pool is not that of the replicas: {reason}"
            return (*tls, Finding(Level.WARNING, self._name, what, f"the next {WRITERS} says what to do"))
        return (*tls, ok(self._name, f"{len(pool)} replicas answer through it; {_UNSEEN}"))

    def plan(self, pool: Sequence[Backend]) -> Step:
        """Return the instruction, or that these replicas answer already."""
        differs = self._why_not(pool)
        step = plan_pool(self._name, pool, differs, "each of them answered through it, and nobody else")
        return step if differs is None else replace(step, what=instruction(pool, self._site.front))

    def apply(self, pool: Sequence[Backend]) -> None:
        """Say what to do and return once every replica of the pool was seen, and nobody else."""
        if self._why_not(pool) is None:
            return
        text = instruction(pool, self._site.front)
        logger.warning("%s: do this by hand: %s", self._name, text)
        wait_until(
            lambda: self._why_not(pool),
            where=self._name,
            timeout=self._within,
            poll=self._poll,
            next_step=f"do this by hand, then rerun: {text}",
        )

    def drain(self, backend: Backend, rest: Sequence[Backend]) -> None:
        """Return once `backend` gets no new connection; its open ones cannot be seen from here."""
        self.apply(rest)
        logger.warning("%s: open connections of %s cannot be seen from here", self._name, backend.name)

    def pool_state(self) -> dict[str, Member]:
        """Return the replicas that answer new connections."""
        return {name: Member(up=True, words="answering") for name in self._look(len(self._site.addresses))[0]}

    def described(self) -> dict[str, Any]:
        """Return that there is nothing to keep: its configuration is where the person keeps it."""
        return {"kind": "manual"}

    def _why_not(self, pool: Sequence[Backend]) -> str | None:
        seen, unanswered = self._look(len(pool))
        return why_not_members(seen, [backend.name for backend in pool]) or unanswered

    def _look(self, wanted: int) -> tuple[set[str], str | None]:
        """Return who answers new connections, and why one was not answered; one more than wanted might be there."""
        seen: set[str] = set()
        try:
            for node in self._site.answering(_LOOKS * (wanted + 1)):
                seen.add(node)
        except UnreachableError as error:
            return seen, f"{error.where}: {error.what}"
        return seen, None

    def _tls(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        """Return whether it shows another certificate than the replicas: then TLS is ended there."""
        front = self._site.front
        try:
            shown = peer_certificate(front.host, front.https_port, front.host)
            if shown in {peer_certificate(b.address, b.https_port, front.host) for b in pool}:
                return ()
        except UnreachableError:
            return ()  # nothing can be compared; who answers is judged beside this
        what = f"port {front.https_port} is not passed through as TCP: its certificate is no replica's"
        return (Finding(Level.WARNING, self._name, what, "have it pass TCP through, and end no TLS there"),)
