"""Recovery points as a backup publishes them, in any vault, of any storage."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from runbook.domain.proof import prove
from runbook.domain.recovery import (
    INDEX,
    METADATA,
    SIDECAR,
    Canary,
    Manifest,
    ProofNumbers,
    new_id,
    part_key,
)
from runbook.remote.archive import part_of, seal_stream, stream_metadata
from runbook.remote.encryption import generate_identity
from runbook.remote.image_index import write_index
from runbook.remote.recovery_points import publish, write_sidecar
from runbook.remote.snapshot import take_pass
from runbook.remote.storage import Storage
from runbook.remote.vault import Vault
from tests.fakes.manifests import MANIFEST
from tests.fakes.metadata_archive import Row, archive, rows_of_image
from tests.fakes.stored_images import ROOT, tree_of

CLUSTER = "prod"
IDENTITY, RECIPIENT = generate_identity()
CONFIG, LAYERS = b"{}", [b"one" * 100, b"two" * 100]
ROWS = rows_of_image("org/app", "v1", CONFIG, LAYERS)
ODD = {f"{ROOT}/health": b"ok", "aside/state": b"x" * 100_000}
TREE = tree_of("org/app", {}, [CONFIG, *LAYERS]) | ODD
"""What a storage holds: an image, and objects that no path explains, one small and one large."""
SIDECAR_CONTENT = {
    "node": "dtr1",
    "registry": {"image": "mirantis/dtr", "external_url": "https://registry.example.com"},
}


def publish_point(
    vault: Vault,
    storage: Storage,
    *,
    hour: int = 1,
    rows: Mapping[str, Sequence[Row]] = ROWS,
    more: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Leave a verified point of the storage in the vault; `more` are parts of a kind that is not known."""
    created = datetime(2026, 11, 22, hour, 2, 3, tzinfo=UTC)
    identifier = new_id(created, "0a1b2c3d")

    def key(name: str) -> str:
        return part_key(CLUSTER, identifier, name)

    plain: Any = archive(rows)
    with vault.writer(key(METADATA)) as sink:
        summary = stream_metadata(io.BytesIO(plain), sink, [RECIPIENT])
    taken = take_pass(storage, vault, CLUSTER)
    canary = Canary("org/app:v1", str(ROWS["tags"][0]["digest"]))
    proof = prove(summary.references, taken.index, (canary.reference, canary.digest))
    assert proof.holds
    objects = {
        METADATA: part_of(summary),
        INDEX: write_index(vault, key(INDEX), taken.index, [RECIPIENT]),
        SIDECAR: write_sidecar(vault, CLUSTER, identifier, SIDECAR_CONTENT, [RECIPIENT]),
    }
    for name, data in (more or {}).items():
        with vault.writer(key(name)) as sink:
            objects[name] = seal_stream(io.BytesIO(data), sink, [RECIPIENT])
    manifest = replace(
        MANIFEST,
        cluster=CLUSTER,
        id=identifier,
        created=created,
        objects=objects,
        images=taken.totals(),
        proof=ProofNumbers(proof.references_checked, 0, proof.orphans, proof.bytes),
        canary=canary,
        recipients=(RECIPIENT,),
    )
    publish(vault, manifest)
    return manifest
