"""Recovery points, taken by the tasks themselves from a cluster that holds state."""

from runbook.domain.holds import HoldRecord
from runbook.domain.recovery import Canary, Manifest
from tasks.control_plane_backup import stream_control_plane
from tasks.recovery_points import (
    begin_point,
    copy_images,
    prove_point,
    publish_point,
    seal_point,
    stream_metadata,
)
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.metadata_archive import Row, archive, rows_of_image
from tests.fakes.stored_images import tree_of

CONFIG, LAYER = b"{}", b"one" * 100


def take_point(cluster: FakeCluster, events: tuple[Row, ...] = ()) -> Manifest:
    """Leave the storage with one image and the vault with a point of it, of these events, and of accounts if asked."""
    rows = rows_of_image("org/app", "v1", CONFIG, [LAYER])
    cluster.storage.objects.update(tree_of("org/app", {}, [CONFIG, LAYER]))
    cluster.bootstrapper.archive = archive({**rows, "events": events})
    begun = begin_point.fn(cluster)
    metadata, images = stream_metadata.fn(cluster, begun), copy_images.fn(cluster)
    canary = Canary("org/app:v1", str(rows["tags"][0]["digest"]))
    proof = prove_point.fn(cluster, metadata, images, canary)
    evidence = canary, proof, HoldRecord("run", {}, begun.created)
    accounts = stream_control_plane.fn(cluster, begun.id) if cluster.control_plane_image else None
    return publish_point.fn(cluster, seal_point.fn(cluster, begun, metadata, images, evidence, accounts))
