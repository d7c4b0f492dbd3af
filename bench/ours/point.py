"""A recovery point of a folder: its metadata names every blob of it. Made, not measured."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.metadata_tar import END, member
from bench.ours import settings, tell
from bench.ours.snapshot import CLUSTER
from runbook.domain.image_index import Held
from runbook.domain.proof import prove
from runbook.domain.recovery import INDEX, METADATA, SIDECAR, Manifest, ProofNumbers, new_id, part_key
from runbook.remote.archive import part_of, stream_metadata
from runbook.remote.image_index import ImageIndex, write_index
from runbook.remote.recovery_points import publish, write_sidecar
from runbook.remote.snapshot import take_pass
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault_file import FileVault

_LAYERS = 100
"""How many blobs an image has."""


def main() -> None:
    """Leave the point in the vault."""
    asked = settings()
    vault, recipients = FileVault(Path(asked["target"])), [asked["recipient"]]
    images = take_pass(FolderStorage(Path(asked["source"])), vault, CLUSTER)
    now = datetime.now(UTC)
    identifier = new_id(now, "0" * 8)
    with vault.writer(part_key(CLUSTER, identifier, METADATA)) as sink:
        metadata = stream_metadata(io.BytesIO(_archive(images.index)), sink, recipients)
    index = write_index(vault, part_key(CLUSTER, identifier, INDEX), images.index, recipients)
    sidecar = write_sidecar(vault, CLUSTER, identifier, {}, recipients)
    proof = prove(metadata.references, images.index)
    manifest = Manifest(
        cluster=CLUSTER,
        id=identifier,
        created=now,
        verified=proof.holds,
        registry_version="2.9.29",
        cluster_id="bench",
        replica_id="0" * 12,
        objects={METADATA: part_of(metadata), INDEX: index, SIDECAR: sidecar},
        images=images.totals(),
        proof=ProofNumbers(proof.references_checked, len(proof.missing), proof.orphans, proof.bytes),
        tags=len(metadata.references.tags),
        repositories=1,
        canary=None,
        recipients=tuple(recipients),
    )
    publish(vault, manifest)
    tell(references=proof.references_checked, orphans=proof.orphans)


def _archive(index: ImageIndex) -> bytes:
    """Return a metadata archive whose images are made of all blobs of the index."""
    blobs = [
        {"digest": f"sha256:{entry.key.rpartition('/')[2]}", "size": entry.size}
        for entry in index
        if entry.held is Held.BLOB
    ]
    return b"".join([*(member(name, json.dumps(row).encode()) for name, row in _rows(blobs)), END])


def _rows(blobs: list[dict[str, object]]) -> Iterator[tuple[str, dict[str, object]]]:
    for number, start in enumerate(range(0, len(blobs), _LAYERS)):
        config, *layers = blobs[start : start + _LAYERS]
        digest = f"sha256:{number:064x}"
        yield f"tags/{number}", {"pk": f"org/app:{number}", "digest": digest}
        row: dict[str, object] = {
            "pk": f"org/app@{digest}",
            "digest": digest,
            "config": config,
            "layers": layers,
        }
        yield f"manifests/{number}", row


if __name__ == "__main__":
    main()
