"""The manifest of a sound recovery point."""

from datetime import UTC, datetime

from runbook.domain.recovery import PARTS, Canary, ImageTotals, Manifest, ProofNumbers, StoredPart

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
MANIFEST = Manifest(
    cluster="prod",
    id="20261122T010203Z-0a1b2c3d",
    created=NOW,
    verified=True,
    registry_version="2.9.29",
    cluster_id="ucp-1",
    replica_id="0123456789ab",
    objects=dict.fromkeys(PARTS, StoredPart(1, "a", 2, "b")),
    images=ImageTotals("standard", 3, 2, 1),
    proof=ProofNumbers(5, 0, 1, 9),
    tags=2,
    repositories=1,
    canary=Canary("org/canary:x", "sha256:d"),
    recipients=("age1x",),
)
