"""Recovery points of many nights in a cluster's vault, each with an index that can be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runbook.domain.recovery import INDEX, MANIFEST, PARTS, new_id, part_key
from runbook.domain.recovery_json import manifest_to_json
from runbook.remote.encryption import recipient_of
from runbook.remote.image_index import write_index
from runbook.remote.recovery_points import list_points
from runbook.remote.snapshot import take_pass
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.manifests import MANIFEST as SOUND
from tests.fakes.stored_images import tree_of


def nightly_points(cluster: FakeCluster, nights: int) -> list[str]:
    """Leave a point of each of the last nights, newest first, each with a layer of its own; return their ids."""
    return [
        add_point(cluster, timedelta(days=night, hours=1), b"layer %d" % night) for night in range(nights)
    ]


def add_point(
    cluster: FakeCluster, age: timedelta, layer: bytes, version: str = SOUND.registry_version
) -> str:
    """Leave a verified point of that age in the vault, whose storage held one layer; return its id."""
    identifier = new_id(datetime.now(UTC) - age, "0a1b2c3d")
    cluster.storage.objects = tree_of("org/app", {}, [layer])
    taken = take_pass(cluster.storage, cluster.vault, cluster.name)
    recipients = [recipient_of(cluster.identity)]
    parts = dict(SOUND.objects)
    parts[INDEX] = write_index(
        cluster.vault, part_key(cluster.name, identifier, INDEX), taken.index, recipients
    )
    for name in set(PARTS) - {INDEX}:
        cluster.vault.put_bytes(part_key(cluster.name, identifier, name), b"x")
    manifest = replace(SOUND, cluster=cluster.name, id=identifier, objects=parts, registry_version=version)
    cluster.vault.put_bytes(part_key(cluster.name, identifier, MANIFEST), manifest_to_json(manifest))
    return identifier


def points_of(cluster: FakeCluster) -> list[str]:
    """Return the ids of all points that are there, newest first."""
    return sorted((point.id for point in list_points(cluster.vault, cluster.name)), reverse=True)


def confirmed(cluster: FakeCluster) -> list[str]:
    """Confirm the rules in the cluster file; return the points that are there."""
    cluster.settings.vault.retention.confirmed = True
    return points_of(cluster)
