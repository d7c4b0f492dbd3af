import os
from datetime import timedelta
from pathlib import Path

import pytest

from blocks.storage import NfsSettings, StorageSettings, VolumeSettings
from runbook.domain.access import Role
from runbook.domain.commands import StorageChoice, StorageKind
from runbook.domain.disaster import Unfinished
from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.plans import Action
from runbook.domain.recovery import METADATA, Manifest, blobs_prefix, part_key
from runbook.domain.restore_plan import Loss, Verified
from runbook.domain.versions import Version
from runbook.remote.unfinished import note_begun, unfinished_restore
from runbook.remote.vault_file import FileVault
from tasks.holds import restore_schedules
from tasks.restoration import (
    choose_point,
    finish_restore,
    plan_recovery,
    preview_loss,
    read_images,
    restore_images,
    restore_metadata,
    verify_chosen,
)
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.many_points import add_point
from tests.fakes.points import LAYER, take_point
from tests.fakes.stored_images import blob_path, hexadecimal, tree_of


@pytest.fixture
def point(cluster: FakeCluster) -> Manifest:
    """The point of a registry that is lost since, with everything in its storage."""
    cluster.replicas = [alive(1)]
    cluster.settings.vault.url = f"file://{cluster.folder}"
    taken = take_point(cluster)
    cluster.replicas = []
    return taken


def kept_layer(cluster: FakeCluster) -> Path:
    """Return the file of the vault that holds the image's layer."""
    name = hexadecimal(LAYER)
    return cluster.folder / blobs_prefix("lab") / "sha256" / name[:2] / name


def damage(file: Path) -> None:
    """Change one byte as a disk does: size and time stay."""
    times = file.stat()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_the_newest_point_is_chosen_and_an_unknown_one_is_refused(
    cluster: FakeCluster, point: Manifest
) -> None:
    assert choose_point.fn(cluster, None) == point
    assert choose_point.fn(cluster, point.id[:16]) == point
    with pytest.raises(RefusedError, match="0 of 1 recovery points begin with '2019'"):
        choose_point.fn(cluster, "2019")


def test_a_point_of_another_control_plane_is_not_chosen(cluster: FakeCluster, point: Manifest) -> None:
    cluster.control_plane.identifier = "UCP2"
    with pytest.raises(MismatchError, match="it is of control plane UCP1, this one is UCP2"):
        choose_point.fn(cluster, None)


def test_every_look_reads_the_own_parts_of_a_point(cluster: FakeCluster, point: Manifest) -> None:
    damage(cluster.folder / part_key("lab", point.id, METADATA))
    with pytest.raises(MismatchError, match="metadata.*\nNext: nothing was touched"):
        verify_chosen.fn(cluster, point)


def test_every_look_finds_a_blob_that_is_gone(cluster: FakeCluster, point: Manifest) -> None:
    kept_layer(cluster).unlink()
    with pytest.raises(MismatchError, match="is not in the vault"):
        verify_chosen.fn(cluster, point)


def test_a_rotten_image_in_a_folder_is_found_when_its_bytes_are_read_and_not_by_its_listing(
    cluster: FakeCluster, point: Manifest
) -> None:
    read_images.fn(cluster, point)
    damage(kept_layer(cluster))
    verify_chosen.fn(cluster, point)
    with pytest.raises(MismatchError, match="hashes to .*\nNext: nothing was touched"):
        read_images.fn(cluster, point)


def test_images_in_a_bucket_are_not_read_for_their_listing_names_the_content(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.settings.vault.url = "s3://vault"
    damage(kept_layer(cluster))
    read_images.fn(cluster, point)


def test_a_blob_that_was_written_since_makes_another_plan(cluster: FakeCluster, point: Manifest) -> None:
    loss = Loss(point.created, 0, 0)
    shown = plan_recovery.fn(cluster, verify_chosen.fn(cluster, point), loss)
    again = plan_recovery.fn(cluster, verify_chosen.fn(cluster, point), loss)
    kept_layer(cluster).touch()
    changed = plan_recovery.fn(cluster, verify_chosen.fn(cluster, point), loss)
    assert again.digest() == shown.digest() != changed.digest()


def test_what_was_pushed_after_the_point_is_named_as_lost(cluster: FakeCluster, point: Manifest) -> None:
    cluster.storage.objects |= tree_of("org/late", {}, [b"late"])
    del cluster.storage.objects[blob_path(LAYER)]
    assert preview_loss.fn(cluster, point) == Loss(point.created, 1, 1, ("org/late",))


def test_the_plan_clears_what_is_left_and_begins_on_the_node_that_was_backed_up(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.replicas = [dead(2, volumes=False)]
    plan = plan_recovery.fn(cluster, Verified(point, "0a1b2c3d4e5f"), Loss(point.created, 0, 0))
    steps = [(step.action, step.where) for step in plan.steps]
    assert steps[0] == (Action.VERIFY, "vault")
    assert steps[4:6] == [(Action.SET_ASIDE, "dtr2"), (Action.DESTROY, "dtr2")]
    assert (Action.RESTORE_METADATA, "dtr1") in steps


def test_images_come_back_once_and_a_second_run_writes_nothing(cluster: FakeCluster, point: Manifest) -> None:
    before = dict(cluster.storage.objects)
    cluster.storage.objects.clear()
    assert restore_images.fn(cluster, point).reason == "0 objects were there already"
    assert cluster.storage.objects == before
    assert restore_images.fn(cluster, point).reason == f"{len(before)} objects were there already"


def test_an_image_that_rots_after_the_approval_is_found_on_its_way_back(
    cluster: FakeCluster, point: Manifest
) -> None:
    del cluster.storage.objects[blob_path(LAYER)]
    damage(kept_layer(cluster))
    with pytest.raises(MismatchError, match="hashes to"):
        restore_images.fn(cluster, point)
    assert blob_path(LAYER) not in cluster.storage.objects


def test_metadata_comes_back_into_the_same_replica_once_and_is_kept_by_the_second_run(
    cluster: FakeCluster, point: Manifest
) -> None:
    actions = [restore_metadata.fn(cluster, point).action for _ in range(2)]
    assert actions == [Action.RESTORE_METADATA, Action.KEEP]
    assert [(r.replica_id, r.node) for r in cluster.replicas] == [(point.replica_id, "dtr1")]
    assert cluster.bootstrapper.loaded == cluster.bootstrapper.archive


def test_metadata_does_not_come_back_beside_what_is_left(cluster: FakeCluster, point: Manifest) -> None:
    cluster.replicas = [dead(2)]
    with pytest.raises(RefusedError, match=f"replica {IDS[1]} is still there"):
        restore_metadata.fn(cluster, point)
    assert cluster.bootstrapper.loaded == b""


def test_a_restore_is_on_record_until_it_is_proven(cluster: FakeCluster, point: Manifest) -> None:
    note_begun(cluster.vault, "lab", Unfinished(point.id, point.replica_id))
    finish_restore.fn(cluster)
    assert unfinished_restore(cluster.vault, "lab") is None


def test_a_point_is_read_with_the_restorers_credentials_alone(
    cluster: FakeCluster, point: Manifest, tmp_path: Path
) -> None:
    kept, cluster.vault = cluster.vault, FileVault(tmp_path / "without the writer there is no vault")
    cluster.vault_as = lambda role: {Role.RESTORER: kept}[role]  # type: ignore[method-assign]
    assert choose_point.fn(cluster, None) == point
    verify_chosen.fn(cluster, point)
    cluster.storage.objects.clear()
    restore_images.fn(cluster, point)
    restore_metadata.fn(cluster, point)
    restore_schedules.fn(cluster, point)
    assert cluster.bootstrapper.loaded


NFS = NfsSettings(url="nfs://nas/registry", path="/mnt/registry")


def test_images_in_a_volume_are_restored_on_its_node_and_nowhere_else(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.settings.storage = StorageSettings(volume=VolumeSettings(node="dtr2"))
    verified = verify_chosen.fn(cluster, point)
    cluster.settings.replicas = 1
    planned = plan_recovery.fn(cluster, verified, Loss(point.created, 0, 0))
    assert (Action.RESTORE_METADATA, "dtr2") in {(step.action, step.where) for step in planned.steps}
    cluster.unreachable = ("dtr2",)
    with pytest.raises(RefusedError, match="dtr2: images are kept in a volume there, and it does not answer"):
        plan_recovery.fn(cluster, verified, Loss(point.created, 0, 0))


def test_a_restore_that_would_erase_every_tag_is_refused_when_it_is_planned(
    cluster: FakeCluster, point: Manifest
) -> None:
    cluster.settings.storage = StorageSettings(nfs=NFS)
    verified = verify_chosen.fn(cluster, point)
    cluster.version = Version(2, 6, 3)
    with pytest.raises(RefusedError, match=r"restore with an NFS URL erases every tag in version 2\.6\.3"):
        plan_recovery.fn(cluster, verified, Loss(point.created, 0, 0))


def test_the_bootstrapper_is_told_of_the_share(cluster: FakeCluster, point: Manifest) -> None:
    cluster.settings.storage = StorageSettings(nfs=NFS)
    restore_metadata.fn(cluster, point)
    assert cluster.bootstrapper.storage == StorageChoice(StorageKind.NFS, NFS.url)


def test_a_point_of_another_version_is_refused_with_the_image_that_it_needs(cluster: FakeCluster) -> None:
    add_point(cluster, timedelta(hours=1), b"layer", "2.9.29")
    cluster.version = Version(2, 10, 4)
    cluster.settings.registry.image = "registry.example.com/msr/dtr"
    with pytest.raises(
        MismatchError, match=r"it is of version 2\.9\.29.*\n.*this one needs mirantis/dtr:2\.9\.29"
    ):
        choose_point.fn(cluster, None)
