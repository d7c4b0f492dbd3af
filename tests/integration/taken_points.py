"""Recovery points of small images, taken with the real parts."""

import io
from collections.abc import Mapping, Sequence

from runbook.domain.proof import prove
from runbook.domain.recovery import (
    INDEX,
    METADATA,
    SIDECAR,
    Canary,
    Manifest,
    ProofNumbers,
    created_of,
    part_key,
)
from runbook.remote.archive import part_of, stream_metadata
from runbook.remote.image_index import write_index
from runbook.remote.recovery_points import write_sidecar
from runbook.remote.snapshot import take_pass
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from tests.fakes.metadata_archive import Row, archive


def back_up(
    vault: Vault, storage: S3Storage, point: str, rows: Mapping[str, Sequence[Row]], recipient: str
) -> Manifest:
    """Leave all of a point but its manifest in the vault."""
    with vault.writer(part_key("prod", point, METADATA)) as sink:
        summary = stream_metadata(io.BytesIO(archive(rows)), sink, [recipient])
    taken = take_pass(storage, vault, "prod")
    canary = Canary("org/app:v1", str(rows["tags"][0]["digest"]))
    proof = prove(summary.references, taken.index, (canary.reference, canary.digest))
    assert proof.holds
    return Manifest(
        cluster="prod",
        id=point,
        created=created_of(point),
        verified=True,
        registry_version="2.9.29",
        cluster_id="ucp-1",
        replica_id="0123456789ab",
        objects={
            METADATA: part_of(summary),
            INDEX: write_index(vault, part_key("prod", point, INDEX), taken.index, [recipient]),
            SIDECAR: write_sidecar(vault, "prod", point, {"version": "2.9.29"}, [recipient]),
        },
        images=taken.totals(),
        proof=ProofNumbers(proof.references_checked, 0, proof.orphans, proof.bytes),
        tags=len(summary.references.tags),
        repositories=summary.references.repositories,
        canary=canary,
        recipients=(recipient,),
    )
