"""Recovery points: taken step by step, proven, and only then published."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.runtime import flow_run

from blocks.connection import ClusterConnection
from runbook.domain.commands import BackupSpec
from runbook.domain.control_plane_backup import ControlPlaneArchive
from runbook.domain.errors import (
    MismatchError,
    RefusedError,
)
from runbook.domain.holds import HoldRecord
from runbook.domain.metadata import ArchiveSummary, why_not_complete
from runbook.domain.proof import Proof, prove
from runbook.domain.recovery import (
    CONTROL_PLANE,
    INDEX,
    MANIFEST,
    METADATA,
    SIDECAR,
    Canary,
    Manifest,
    ProofNumbers,
    new_id,
    newest_verified,
    part_key,
    refuse_newer_points,
)
from runbook.remote.archive import part_of
from runbook.remote.archive import stream_metadata as stream
from runbook.remote.catalogue import settle
from runbook.remote.escrow import prove_identity, record_probe
from runbook.remote.image_index import write_index
from runbook.remote.leftovers import clear_leftovers
from runbook.remote.object_lock import require_lockable
from runbook.remote.point_locks import lock_point, require_manifest_locked
from runbook.remote.recovery_points import list_points, publish, write_sidecar
from runbook.remote.recovery_verify import verify_point
from runbook.remote.server_side_encryption import require_encrypted
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.unfinished import note_outlived
from runbook.remote.verifications import known_damage
from tasks.policy import step


@dataclass(frozen=True)
class Begun:
    """A recovery point that is being written; without a manifest it is none."""

    id: str
    created: datetime
    replica_id: str
    node: str
    previous_size: int | None  # bytes of the previous point's metadata archive


@step("begin recovery point")
def begin_point(cluster: ClusterConnection) -> Begun:
    """Return a new point's id and the replica to read; RefusedError where the vault or the registry is not fit.

    The replica of the previous point is taken again if it is healthy (contract: always the same one).
    """
    require_lockable(cluster.vault)
    if note := cluster.vault.probe_writable(f"{cluster.name}/"):
        get_run_logger().info("%s: %s", cluster.vault.where, note)
    seen = cluster.observe()
    if not seen.has_quorum:
        raise RefusedError(cluster.name, f"no quorum, no backup: {seen.summary()}", "heal the cluster first")
    for said in settle(cluster.vault, cluster.name):
        get_run_logger().info("%s: %s", cluster.vault.where, said)
    points = list_points(cluster.vault, cluster.name)
    refuse_newer_points(points, cluster.vault.where)
    newest = newest_verified(points)
    previous = newest.manifest if newest else None
    replica = next(
        (r for r in seen.healthy if previous and r.replica_id == previous.replica_id), seen.healthy[0]
    )
    now = datetime.now(UTC)
    for done in clear_leftovers(cluster.vault, cluster.name, now):
        get_run_logger().warning("%s", done)
    begun = Begun(
        id=new_id(now, secrets.token_hex(4)),
        created=now,
        replica_id=replica.replica_id,
        node=replica.node,
        previous_size=previous.objects[METADATA].plain_size if previous else None,
    )
    get_run_logger().info(
        "%s: recovery point %s, read from replica %s", replica.node, begun.id, replica.replica_id
    )
    return begun


@step("copy images")
def copy_images(cluster: ClusterConnection) -> PassResult:
    """Leave every blob of the storage in the vault and return the index of all objects."""
    result = take_pass(cluster.storage, cluster.vault, cluster.name, cluster.settings.vault.limits.copying)
    get_run_logger().info(
        "storage: %s objects, %s blobs, %s of them copied (%.1f MB)",
        result.objects,
        result.blobs,
        result.copied,
        result.copied_bytes / 1e6,
    )
    return result


@step("stream metadata")
def stream_metadata(cluster: ClusterConnection, begun: Begun) -> ArchiveSummary:
    """Leave the whole metadata archive in the vault, or nothing of it; return what went by.

    The bootstrapper's exit status alone proves nothing, so the archive itself is judged too.
    """
    key = part_key(cluster.name, begun.id, METADATA)
    recipients = cluster.settings.vault.recipients
    with (
        cluster.bootstrapper.backup(BackupSpec(begun.replica_id)) as archive,
        cluster.vault.writer(key) as sink,
    ):
        summary = stream(archive, sink, recipients)
        archive.finish()
        if reason := why_not_complete(
            summary, cluster.version, begun.previous_size, cluster.settings.vault.size_band.band
        ):
            raise MismatchError(
                begun.node, f"the backup ended well and its archive is not whole: {reason}", _TAKE_AGAIN
            )
    get_run_logger().info(
        "%s: metadata of %s bytes in %s tables", begun.node, summary.bytes_plain, len(summary.tables)
    )
    return summary


@step("prove the point")
def prove_point(
    cluster: ClusterConnection, metadata: ArchiveSummary, images: PassResult, canary: Canary
) -> Proof:
    """Return the proof that every tag leads to images in the snapshot; MismatchError names what is missing."""
    proof = prove(metadata.references, images.index, (canary.reference, canary.digest))
    get_run_logger().info(
        "%s: %s references checked, %s missing, %s orphans",
        cluster.name,
        proof.references_checked,
        len(proof.missing),
        proof.orphans,
    )
    damaged = known_damage(cluster.vault, cluster.name)
    if known := next((blob.key for blob in images.index if blob.key in damaged), None):
        raise MismatchError(
            cluster.vault.where, f"{known} is known to be damaged, and the registry needs it", _DELETE_IT
        )
    problems = [*images.findings, *(str(missing) for missing in proof.missing)]
    if problems:
        raise MismatchError(
            cluster.name, f"{len(problems)} references dangle, first: {problems[0]}", _TAKE_AGAIN
        )
    return proof


@step("seal point {begun.id}", retries=0)
def seal_point(
    cluster: ClusterConnection,
    begun: Begun,
    metadata: ArchiveSummary,
    images: PassResult,
    evidence: tuple[Canary, Proof, HoldRecord],
    accounts: ControlPlaneArchive | None = None,
) -> Manifest:
    """Return the manifest of a point that was read back, opened and proven; it is not in the vault yet.

    The metadata was read under a hold, so the crons that were held go into the sidecar: a restore puts
    them back.
    """
    canary, proof, hold = evidence
    content = cluster.describe(begun.node) | {"held_schedules": dict(hold.crons)}
    cluster_id = cluster.control_plane.cluster_id()
    recipients = tuple(cluster.settings.vault.recipients)
    index = write_index(cluster.vault, part_key(cluster.name, begun.id, INDEX), images.index, recipients)
    sidecar = write_sidecar(cluster.vault, cluster.name, begun.id, content, recipients)
    parts = {METADATA: part_of(metadata), INDEX: index, SIDECAR: sidecar}
    details = {"flow_run": flow_run.get_id() or ""}
    if accounts:
        parts[CONTROL_PLANE] = accounts.part
        details["control_plane_image"] = accounts.image
    manifest = Manifest(
        cluster=cluster.name,
        id=begun.id,
        created=begun.created,
        verified=True,
        registry_version=str(cluster.version),
        cluster_id=cluster_id,
        replica_id=begun.replica_id,
        objects=parts,
        images=images.totals(),
        proof=ProofNumbers(proof.references_checked, len(proof.missing), proof.orphans, proof.bytes),
        tags=len(metadata.references.tags),
        repositories=len({tag.repository for tag in metadata.references.tags}),
        canary=canary,
        recipients=recipients,
        details=details,
    )
    _prove_and_lock(cluster, manifest, images)
    return manifest


def _prove_and_lock(cluster: ClusterConnection, manifest: Manifest, images: PassResult) -> None:
    """Leave the point read back, opened with each key that must open it, and locked where the vault is to lock."""
    _require_sound(cluster, manifest)
    if escrow := cluster.escrow_identity:
        probe = prove_identity(cluster.vault, manifest, escrow, (SIDECAR, INDEX), datetime.now(UTC))
        record_probe(cluster.vault, cluster.name, probe)
    if done := lock_point(cluster.vault, manifest, images.index, datetime.now(UTC)):
        get_run_logger().info("%s: %s", cluster.vault.where, done)


@step("publish point {manifest.id}", retries=0)
def publish_point(cluster: ClusterConnection, manifest: Manifest) -> Manifest:
    """Leave a recovery point: the manifest is written last. A step of its own, so that it begins with the lock.

    A restore of an older point is not on record as unfinished any more: the registry lives.
    """
    publish(cluster.vault, manifest)
    require_manifest_locked(cluster.vault, manifest)
    require_encrypted(cluster.vault, part_key(cluster.name, manifest.id, MANIFEST))
    if left := note_outlived(cluster.vault, cluster.name, manifest.id):
        get_run_logger().info("%s: the restore of %s is no longer unfinished", cluster.name, left.point)
    return manifest


def _require_sound(cluster: ClusterConnection, manifest: Manifest) -> None:
    """Return if the point reads back, opens and proves as it was written; else MismatchError."""
    report = verify_point(cluster.vault, manifest, cluster.identity)
    if not report.sound:
        raise MismatchError(
            f"recovery point {manifest.id}",
            f"it reads back other than it was written: {report.findings[0]}",
            _TAKE_AGAIN,
        )


_TAKE_AGAIN = "nothing was published; run `runbook backup` again, and read the log if it happens twice"
_DELETE_IT = (
    "delete it there, with keys that may (the pruner's), then run `runbook backup`, which copies it again"
)
