"""Retention over very many points: every rule set, nothing pruned. Only the decision itself is timed."""

import hashlib
import time
from datetime import UTC, datetime, timedelta

from bench.ours import settings, tell
from runbook.domain.recovery import ImageTotals, Manifest, ProofNumbers, RecoveryPoint, new_id
from runbook.domain.retention import Circumstances, RetentionPolicy, plan_retention

_NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)
_EVERY = timedelta(hours=2)
_POLICY = RetentionPolicy(
    keep_last=7,
    keep_daily=14,
    keep_weekly=8,
    keep_monthly=12,
    keep_yearly=3,
    keep_within=timedelta(days=2),
    minimum=3,
    most_at_once=10**6,
)


def main() -> None:
    """Decide once, with a point of twenty pinned and one of fifty unfinished."""
    points = [_point(number) for number in range(settings()["points"])]
    pins = {point.id: "audit" for point in points[::20]}
    seen = Circumstances(now=_NOW, pins=pins)
    started = time.perf_counter()
    plan = plan_retention(points, _POLICY, seen)
    seconds = time.perf_counter() - started
    tell(seconds=seconds, verdicts=len(plan.verdicts), expired=len(plan.expired))


def _point(number: int) -> RecoveryPoint:
    created = _NOW - number * _EVERY
    identifier = new_id(created, hashlib.sha256(str(number).encode()).hexdigest()[:8])
    if number % 50 == 1:
        return RecoveryPoint(identifier, None, "it was never finished: it has no manifest")
    manifest = Manifest(
        cluster="bench",
        id=identifier,
        created=created,
        verified=True,
        registry_version="2.9.29",
        cluster_id="bench",
        replica_id="0" * 12,
        objects={},
        images=ImageTotals("standard", 0, 0, 0),
        proof=ProofNumbers(0, 0, 0, 0),
        tags=0,
        repositories=0,
        canary=None,
        recipients=(),
    )
    return RecoveryPoint(identifier, manifest)


if __name__ == "__main__":
    main()
