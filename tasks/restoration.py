"""Back from a recovery point: choose and verify it, preview the loss, images, then metadata."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.commands import RestoreSpec, refuse_lossy_storage
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.health import ClusterSeen, why_not_healthy_cluster
from runbook.domain.image_index import IndexEntry
from runbook.domain.plans import Action, Plan, Step
from runbook.domain.recovery import (
    INDEX,
    METADATA,
    Manifest,
    part_key,
    passed_over,
    select_point,
    why_not_restorable,
)
from runbook.domain.restore_plan import Loss, Verified, choose_node, choose_restore, plan_restore
from runbook.domain.upgrade import image_for
from runbook.domain.verification import first_of
from runbook.domain.versions import parse_version
from runbook.remote.archive import read_metadata
from runbook.remote.image_index import read_index
from runbook.remote.loss import compare
from runbook.remote.recovery_points import list_with_gone, read_sidecar
from runbook.remote.recovery_verify import verify_point
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage_volume import VolumeStorage
from runbook.remote.unfinished import note_proven
from runbook.remote.waiting import wait_until
from tasks.policy import step

HEALTHY_WITHIN = 180.0
"""Seconds after which the restored replica must answer its probe."""


@step("choose recovery point")
def choose_point(cluster: ClusterConnection, wanted: str | None) -> Manifest:
    """Return the wanted point (the newest verified if None), which this cluster can be restored from."""
    points = list_with_gone(cluster.vault_as(Role.RESTORER), cluster.name)
    point = select_point(points, wanted)
    for said in () if wanted else passed_over(points, point.id):
        get_run_logger().warning("%s", said)
    reason = why_not_restorable(
        point, version=str(cluster.version), cluster_id=cluster.control_plane.cluster_id()
    )
    if reason:
        image = image_for(
            cluster.settings.registry.image, cluster.version, parse_version(point.registry_version)
        )
        raise MismatchError(
            f"recovery point {point.id}", reason, f"choose another with --point; this one needs {image}"
        )
    return point


@step("verify recovery point")
def verify_chosen(cluster: ClusterConnection, point: Manifest) -> Verified:
    """Return the point after every byte of its own was read and its blobs were found as its index lists them.

    Every look does this. The bytes of blobs in a folder are read once more, by `read_images`, before a plan is shown.
    """
    listing = _require_sound(cluster, point, full=False)
    get_run_logger().info(
        "recovery point %s: verified, %s tags, %s blobs", point.id, point.tags, point.images.blobs
    )
    return Verified(point, listing)


@step("read every image of the point")
def read_images(cluster: ClusterConnection, point: Manifest) -> None:
    """Return after every blob was read and hashed, in a vault whose listing says nothing of the content: a folder.

    With terabytes this is the longest step, so it is done once for a plan, before it is shown: the plan names the
    listing that was read, and the looks after the approval find the same one or refuse. Of what rots on the disk
    in between, each blob that is named by its digest is hashed again on its way back.
    """
    if not cluster.settings.vault.url.startswith("file:"):
        get_run_logger().info("%s: its listing names content, nothing is to be read", cluster.vault.where)
        return
    _require_sound(cluster, point, full=True)
    get_run_logger().info("recovery point %s: every image was read", point.id)


def _require_sound(cluster: ClusterConnection, point: Manifest, *, full: bool) -> str:
    """Return the listing of the point's blobs if nothing is wrong with it, else MismatchError."""
    report = verify_point(cluster.vault_as(Role.RESTORER), point, cluster.identity, full=full)
    if not report.sound:
        raise MismatchError(
            f"recovery point {point.id}",
            first_of(report.findings[0], len(report.findings)),
            "nothing was touched; choose another with --point",
        )
    return report.listing


@step("preview loss")
def preview_loss(cluster: ClusterConnection, point: Manifest) -> Loss:
    """Return what this point does not know, as far as the storage still shows it."""
    seen = compare(_index(cluster, point), cluster.storage)
    loss = Loss(point.created, seen.newer, seen.missing, tuple(seen.later))
    get_run_logger().warning("%s: %s", cluster.name, loss.sentence(datetime.now(UTC)))
    return loss


@step("plan the restore")
def plan_recovery(cluster: ClusterConnection, verified: Verified, loss: Loss) -> Plan:
    """Return every step that will be done, for a person to approve."""
    seen, nodes, wanted = cluster.observe(), cluster.registry_nodes, cluster.settings.replicas
    first = _first_node(cluster, seen, verified.point)
    refuse_lossy_storage(cluster.name, cluster.settings.storage.choice, cluster.version)
    plan = plan_restore(seen, nodes, verified, loss, wanted=wanted, first_node=first)
    for planned in plan.steps:
        get_run_logger().info("%s", planned)
    return plan


@step("images back into storage")
def restore_images(cluster: ClusterConnection, point: Manifest) -> Step:
    """Leave every object of the point in the storage; what is there already is kept."""
    if isinstance(cluster.storage, VolumeStorage):
        cluster.storage.make(point.replica_id)
    result = restore_blobs(
        _index(cluster, point),
        cluster.vault_as(Role.RESTORER),
        cluster.name,
        cluster.storage,
        cluster.settings.vault.limits.copying,
    )
    what = f"{result.copied} blobs ({result.copied_bytes / 1e6:.1f} MB) and {result.written} links"
    done = Step(
        Action.RESTORE_IMAGES, cluster.storage.where, what, f"{result.skipped} objects were there already"
    )
    get_run_logger().info("%s", done)
    return done


@step("metadata back into a first replica", retries=0)
def restore_metadata(cluster: ClusterConnection, point: Manifest) -> Step:
    """Leave one healthy replica that knows what the point knows; keep it if it is there."""
    seen = cluster.observe()
    node = _first_node(cluster, seen, point)
    decision = choose_restore(seen, point, node)
    get_run_logger().info("%s", decision)
    if decision.action is Action.RESTORE_METADATA:
        key = part_key(cluster.name, point.id, METADATA)
        with read_metadata(cluster.vault_as(Role.RESTORER), key, cluster.identity) as archive:
            cluster.bootstrapper.restore(
                RestoreSpec(
                    point.replica_id,
                    node,
                    cluster.settings.registry.external_url,
                    storage=cluster.settings.storage.choice,
                    ports=cluster.ports,
                ),
                archive,
            )
        wait_until(
            lambda: why_not_healthy_cluster(cluster.observe(), (point.replica_id,)),
            where=node,
            timeout=HEALTHY_WITHIN,
        )
    return decision


@step("the restore is proven")
def finish_restore(cluster: ClusterConnection) -> None:
    """Leave no restore on record as unfinished: one replica serves what the point knows."""
    note_proven(cluster.vault, cluster.name)


def _index(cluster: ClusterConnection, point: Manifest) -> Iterator[IndexEntry]:
    return read_index(
        cluster.vault_as(Role.RESTORER), part_key(cluster.name, point.id, INDEX), cluster.identity
    )


def _first_node(cluster: ClusterConnection, seen: ClusterSeen, point: Manifest) -> str:
    """Return where the first replica goes; where images are in a volume, to that volume's node and nowhere else."""
    volume = cluster.settings.storage.volume
    wanted = volume.node if volume else _backed_up_node(cluster, point)
    node = choose_node(seen, cluster.registry_nodes, wanted)
    if volume and node != wanted:
        next_step = "start it, or name the node that shall hold the images in storage.volume.node"
        raise RefusedError(
            str(wanted), "images are kept in a volume there, and it does not answer", next_step
        )
    return node


def _backed_up_node(cluster: ClusterConnection, point: Manifest) -> str | None:
    sidecar = read_sidecar(cluster.vault_as(Role.RESTORER), cluster.name, point.id, cluster.identity)
    node = sidecar.get("node")
    return node if isinstance(node, str) else None
