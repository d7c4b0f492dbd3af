"""Recovery points: taken step by step, proven, and only then published."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prefect import get_run_logger
from prefect.runtime import flow_run

from blocks.connection import ClusterConnection
from runbook.domain.commands import BackupSpec
from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError, RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.holds import HoldRecord
from runbook.domain.metadata import ArchiveSummary, why_not_complete
from runbook.domain.proof import Proof, prove
from runbook.domain.recovery import (
    INDEX,
    METADATA,
    SIDECAR,
    Canary,
    Manifest,
    ProofNumbers,
    RecoveryPoint,
    new_id,
    newest_verified,
    part_key,
    why_too_old,
)
from runbook.remote.archive import part_of
from runbook.remote.archive import stream_metadata as stream
from runbook.remote.encryption import recipient_of
from runbook.remote.holds import current_hold
from runbook.remote.image_index import write_index
from runbook.remote.leftovers import clear_leftovers
from runbook.remote.recovery_points import list_points, publish, write_sidecar
from runbook.remote.recovery_verify import verify_point
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.unfinished import note_outlived, unfinished_restore
from tasks.policy import step


@dataclass(frozen=True)
class Begun:
    """A recovery point that is being written; without a manifest it is none."""

    id: str
    created: datetime
    replica_id: str
    node: str
    previous_size: int | None  # bytes of the previous point's metadata archive


@step("check vault")
def check_vault(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the vault can be read, how old its newest verified point is, and what a dead run left.

    The identity is among it: one that opens nothing would be noticed after hours, when a point is proven.
    """
    return (*_check_identity(cluster), *_check_points(cluster))


def _check_identity(cluster: ClusterConnection) -> tuple[Finding, ...]:
    try:
        recipient = recipient_of(cluster.identity)
    except RunbookError as error:
        return (from_error(error),)
    if recipient in cluster.settings.vault.recipients:
        return ()
    what = f"it opens what is encrypted for {recipient}, which is none of vault.recipients"
    next_step = "name that key in vault.recipients too, or the identity of one that stands there"
    return (Finding(Level.BLOCKS, "vault.identity", what, next_step, InvalidConfigError),)


def _check_points(cluster: ClusterConnection) -> tuple[Finding, ...]:
    vault = cluster.settings.vault.url
    try:
        newest = newest_verified(list_points(cluster.vault, cluster.name))
        left = _left_by_dead_runs(cluster)
    except RunbookError as error:
        return (from_error(error),)
    return (*left, _age_of(cluster, vault, newest))


def _left_by_dead_runs(cluster: ClusterConnection) -> tuple[Finding, ...]:
    found = []
    if record := current_hold(cluster.vault, cluster.name):
        what = f"garbage collection is held since {record.since:%Y-%m-%d %H:%M:%S} UTC by run {record.owner}"
        found.append(
            Finding(Level.WARNING, cluster.name, what, "if that run is dead: `runbook backup` releases it")
        )
    if left := unfinished_restore(cluster.vault, cluster.name):
        what = f"the restore of recovery point {left.point} did not finish"
        found.append(Finding(Level.WARNING, cluster.name, what, _FINISH))
    return tuple(found)


def _age_of(cluster: ClusterConnection, vault: str, newest: RecoveryPoint | None) -> Finding:
    limit = timedelta(minutes=cluster.settings.targets.rpo_minutes)
    if reason := why_too_old(newest, datetime.now(UTC), limit):
        return Finding(Level.WARNING, vault, reason, "run `runbook backup`")
    return ok(vault, f"newest verified recovery point: {newest.id if newest else 'none'}")


@step("begin recovery point")
def begin_point(cluster: ClusterConnection) -> Begun:
    """Return a new point's id and the replica to read; RefusedError where the vault or the registry is not fit.

    The replica of the previous point is taken again if it is healthy (contract: always the same one).
    """
    cluster.vault.probe_writable(f"{cluster.name}/")
    seen = cluster.observe()
    if not seen.has_quorum:
        raise RefusedError(cluster.name, f"no quorum, no backup: {seen.summary()}", "heal the cluster first")
    newest = newest_verified(list_points(cluster.vault, cluster.name))
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
    manifest = Manifest(
        cluster=cluster.name,
        id=begun.id,
        created=begun.created,
        verified=True,
        registry_version=str(cluster.version),
        cluster_id=cluster_id,
        replica_id=begun.replica_id,
        objects={METADATA: part_of(metadata), INDEX: index, SIDECAR: sidecar},
        images=images.totals(),
        proof=ProofNumbers(proof.references_checked, len(proof.missing), proof.orphans, proof.bytes),
        tags=len(metadata.references.tags),
        repositories=len({tag.repository for tag in metadata.references.tags}),
        canary=canary,
        recipients=recipients,
        details={"flow_run": flow_run.get_id() or ""},
    )
    _require_sound(cluster, manifest)
    return manifest


@step("publish point {manifest.id}", retries=0)
def publish_point(cluster: ClusterConnection, manifest: Manifest) -> Manifest:
    """Leave a recovery point: the manifest is written last. A step of its own, so that it begins with the lock.

    A restore of an older point is not on record as unfinished any more: the registry lives.
    """
    publish(cluster.vault, manifest)
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


_FINISH = (
    "run `runbook restore` again; if the registry serves as it should, `runbook backup` closes the matter"
)
_TAKE_AGAIN = "nothing was published; run `runbook backup` again, and read the log if it happens twice"
