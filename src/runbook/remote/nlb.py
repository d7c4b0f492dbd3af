"""AWS's Network Load Balancer: its target groups hold the pool; listeners and health checks are the operator's."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from runbook.domain.errors import ForeignFileError, NotReadyError, RunbookError
from runbook.domain.findings import Finding, Level, from_error
from runbook.domain.load_balancer import (
    Advice,
    Backend,
    Member,
    Setup,
    judge_pool,
    judge_setups,
    plan_pool,
    why_not_members,
    why_not_pool,
)
from runbook.domain.plans import Step
from runbook.remote.load_balancer import Site
from runbook.remote.nlb_api import ElbApi, Target
from runbook.remote.nlb_group import IDLE, KEEPS_CLIENTS, Nodes, Place, TargetGroup
from runbook.remote.waiting import wait_until

logger = logging.getLogger(__name__)

_MARGIN = 60.0  # seconds; AWS itself looks now and then
_HEALTHY = "healthy"
_ADVICE = Advice(
    passthrough="give it a TCP listener on that port that forwards to the target group, of TCP too",
    probe="set the target group's health check to HTTPS, that path and the replicas' HTTPS port",
    idle=f"set the listener's attribute {IDLE} to 900",
)


@dataclass(frozen=True)
class NlbPlace:
    """The target groups of the external URL's port and of port 80, and which instance each node is."""

    name: str
    group: str
    http_group: str | None = None
    instances: Mapping[str, str] = field(default_factory=dict)
    healthy_within: float = 300.0
    poll: float = 5.0
    take_over: bool = False  # targets of others may be taken out


class AwsNlb:
    """The pool, in one target group or two."""

    def __init__(self, api: ElbApi, site: Site, place: NlbPlace) -> None:
        self._api = api
        self._site = site
        self._place = place

    @property
    def name(self) -> str:
        """What the cluster file calls it."""
        return self._place.name

    def check(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        """Return whether it passes TCP through, probes as it must, and has this pool, each healthy."""
        front, setups = self._site.front, self._setups(pool)
        ports = (front.https_port, front.http_port)[: len(self._groups)]
        found = judge_setups(self.name, setups, front, _ADVICE, ports)
        if error := self._why_not_ours():
            return (*found, *self._loops(), from_error(error))
        return (*found, *self._loops(), judge_pool(self.name, self.pool_state(), _names(pool)))

    def plan(self, pool: Sequence[Backend]) -> Step:
        """Return what `apply` would do."""
        reasons = (why_not_members(group.members(), _names(pool)) for group in self._groups)
        differs = next((reason for reason in reasons if reason), None)
        return plan_pool(self.name, pool, differs, "its target groups hold them")

    def apply(self, pool: Sequence[Backend]) -> None:
        """Leave it with this pool, each healthy; who is new and does not become healthy is taken out again.

        Refuses where a target is nobody's of the cluster file, unless they may be taken over.
        """
        if error := self._why_not_ours():
            raise error
        new = [(group, group.add(pool)) for group in self._groups]
        try:
            self._wait_until_healthy(pool)
        except NotReadyError:
            self._take_back(new)
            raise
        for group in self._groups:
            group.keep_only(pool)

    def drain(self, backend: Backend, rest: Sequence[Backend]) -> None:
        """Leave it with `rest`; AWS gives the open connections of `backend` its deregistration delay to end."""
        self.apply(rest)
        delay = max(group.deregistration_delay for group in self._groups)
        self._wait(lambda: self._why_not_gone(backend), delay + _MARGIN)

    def pool_state(self) -> dict[str, Member]:
        """Return who is in a target group and not leaving it, up where every group finds it healthy."""
        seen = [group.members() for group in self._groups]
        return {name: _member([there.get(name) for there in seen]) for name in sorted(set().union(*seen))}

    def described(self) -> dict[str, Any]:
        """Return target groups with attributes and listeners, as AWS tells them."""
        groups = [
            {**group.document, "Attributes": group.attributes, "Listeners": group.listeners()}
            for group in self._groups
        ]
        return {"kind": "aws_nlb", "target_groups": groups}

    @cached_property
    def _groups(self) -> list[TargetGroup]:
        nodes = Nodes(self._site.addresses, self._place.instances, self._site.ports)
        groups = [TargetGroup(self._api, self.name, self._place.group, nodes)]
        if arn := self._place.http_group:
            groups.append(TargetGroup(self._api, self.name, arn, nodes, plain=True))
        return groups

    def _why_not_ours(self) -> ForeignFileError | None:
        reasons = (group.why_not_ours() for group in self._groups if not self._place.take_over)
        return next((reason for reason in reasons if reason), None)

    def _setups(self, pool: Sequence[Backend]) -> list[Setup]:
        return [setup for group in self._groups for setup in group.setups(pool)]

    def _loops(self) -> Iterator[Finding]:
        """Yield that a node cannot reach its own replica through it: the answer would come from itself."""
        if any(group.keeps_clients for group in self._groups):
            what = "it keeps clients' addresses, so a node that is sent to its own replica gets no answer"
            yield Finding(Level.WARNING, self.name, what, f"set the attribute {KEEPS_CLIENTS} to false")

    def _wait_until_healthy(self, pool: Sequence[Backend]) -> None:
        names = _names(pool)

        def why_not() -> str | None:
            state = self.pool_state()
            return why_not_pool({name: state[name] for name in names if name in state}, names)

        self._wait(why_not, self._place.healthy_within)

    def _why_not_gone(self, backend: Backend) -> str | None:
        return next((why for group in self._groups if (why := group.why_not_gone(backend))), None)

    def _wait(self, why_not: Callable[[], str | None], timeout: float) -> None:
        next_step = (
            "see the target group's health checks, and that security groups let them through, then rerun"
        )
        wait_until(why_not, where=self.name, timeout=timeout, poll=self._place.poll, next_step=next_step)

    def _take_back(self, new: Sequence[tuple[TargetGroup, Sequence[Place]]]) -> None:
        for group, places in new:
            with suppress(RunbookError):  # what went wrong before is told
                group.remove(places)


def _member(targets: Sequence[Target | None]) -> Member:
    """Return the replica as all target groups see it."""
    words = {f"{t.state} ({t.why})" if t.why else t.state for t in targets if t}
    missing = {"not in all of its target groups"} if None in targets else set()
    return Member(not missing and words == {_HEALTHY}, ", ".join(sorted(words | missing)))


def _names(pool: Sequence[Backend]) -> list[str]:
    return [backend.name for backend in pool]
