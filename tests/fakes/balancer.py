"""A load balancer that holds its pool."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding
from runbook.domain.load_balancer import Backend, Member, judge_pool, plan_pool, why_not_members
from runbook.domain.plans import Step


@dataclass
class FakeBalancer:
    """Finds everybody of its pool up at once; fails with `failure` while there is one."""

    pool: tuple[str, ...] = ()
    applied: int = 0
    drained: list[str] = field(default_factory=list)
    failure: RunbookError | None = None
    name: str = "lb-1"

    def check(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        return (judge_pool(self.name, self.pool_state(), [backend.name for backend in pool]),)

    def plan(self, pool: Sequence[Backend]) -> Step:
        return plan_pool(
            self.name, pool, why_not_members(self.pool, [b.name for b in pool]), "it is as wanted"
        )

    def apply(self, pool: Sequence[Backend]) -> None:
        if self.failure:
            raise self.failure
        names = tuple(sorted(backend.name for backend in pool))
        self.applied += names != self.pool
        self.pool = names

    def drain(self, backend: Backend, rest: Sequence[Backend]) -> None:
        self.apply(rest)
        self.drained.append(backend.name)

    def pool_state(self) -> dict[str, Member]:
        if self.failure:
            raise self.failure
        return {name: Member(up=True, words="UP") for name in self.pool}

    def described(self) -> dict[str, Any]:
        return {"kind": "fake"}
