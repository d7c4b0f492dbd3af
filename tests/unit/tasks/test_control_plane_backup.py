import io
import tarfile

import pytest

from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError
from runbook.domain.findings import Level
from runbook.domain.recovery import CONTROL_PLANE, METADATA, PARTS, part_key, why_not_restorable
from runbook.remote.archive import read_metadata
from runbook.remote.recovery_points import load_point
from runbook.remote.recovery_verify import verify_point
from tasks.control_plane_backup import (
    check_control_plane_backup,
    discard_control_plane,
    stream_control_plane,
)
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.control_plane_archive import KEY, control_plane_archive
from tests.fakes.points import take_point

IMAGE = "mirantis/ucp:3.7.12"
POINT = "20261122T010203Z-0a1b2c3d"
MANAGER = "mke-manager-1"


@pytest.fixture
def asked(cluster: FakeCluster) -> FakeCluster:
    """A cluster whose file asks for the control plane's backup."""
    cluster.replicas = [alive(1)]
    cluster.control_plane_image = IMAGE
    cluster.accounts.archive = control_plane_archive()
    return cluster


def stored(cluster: FakeCluster) -> list[str]:
    return [seen.key for seen in cluster.vault.list("")]


def test_a_whole_archive_is_kept_in_the_point_and_nowhere_else(asked: FakeCluster) -> None:
    kept = stream_control_plane.fn(asked, POINT)
    assert (kept.image, kept.entries) == (IMAGE, 27)
    assert stored(asked) == [part_key("lab", POINT, CONTROL_PLANE)]
    discard_control_plane.fn(asked, POINT)
    assert stored(asked) == []


def test_an_archive_that_is_cut_is_not_kept_although_its_backup_ended_well(asked: FakeCluster) -> None:
    asked.accounts.archive = asked.accounts.archive[:5120]
    with pytest.raises(MismatchError, match="the backup ended well and its archive is not whole: .* cut off"):
        stream_control_plane.fn(asked, POINT)
    assert stored(asked) == []


def test_a_whole_archive_of_a_backup_that_failed_is_not_kept(asked: FakeCluster) -> None:
    asked.accounts.failure = RefusedError("ucp", "no auth store", "look there")
    with pytest.raises(RefusedError, match="no auth store"):
        stream_control_plane.fn(asked, POINT)
    assert stored(asked) == []


def test_without_a_wish_in_the_cluster_file_there_is_none(cluster: FakeCluster) -> None:
    with pytest.raises(InvalidConfigError, match="asks for none"):
        stream_control_plane.fn(cluster, POINT)
    assert check_control_plane_backup.fn(cluster) == ()


def test_a_point_names_it_beside_its_three_parts_and_reads_it_back(asked: FakeCluster) -> None:
    point = take_point(asked)
    assert set(load_point(asked.vault, "lab", point.id).objects) == {*PARTS, CONTROL_PLANE}
    assert point.details["control_plane_image"] == IMAGE
    assert why_not_restorable(point, version="2.9.29") is None
    report = verify_point(asked.vault, point, asked.identity)
    assert (report.findings, report.objects) == ([], 4)
    with (
        read_metadata(asked.vault, part_key("lab", point.id, CONTROL_PLANE), asked.identity) as plain,
        tarfile.open(fileobj=io.BytesIO(plain.read())) as tar,
    ):
        assert tar.extractfile(KEY).read() == b"key"  # type: ignore[union-attr]  # it is a file


def test_one_changed_byte_of_it_makes_the_point_unsound(asked: FakeCluster) -> None:
    point = take_point(asked)
    key = part_key("lab", point.id, CONTROL_PLANE)
    data = bytearray(asked.vault.get_bytes(key))
    data[len(data) // 2] ^= 1
    asked.vault.put_bytes(key, bytes(data))
    (finding,) = verify_point(asked.vault, point, asked.identity).findings
    assert finding.startswith(CONTROL_PLANE)


def test_a_point_without_it_is_as_good_as_before(cluster: FakeCluster) -> None:
    cluster.replicas = [alive(1)]
    point = take_point(cluster)
    assert set(point.objects) == set(PARTS)
    assert "control_plane_image" not in point.details
    assert verify_point(cluster.vault, point, cluster.identity).sound
    assert point.objects[METADATA].plain_size > 0


def test_its_image_is_looked_for_on_the_manager(asked: FakeCluster) -> None:
    (absent,) = check_control_plane_backup.fn(asked)
    assert (absent.level, absent.where, absent.next_step) == (Level.WARNING, MANAGER, f"docker pull {IMAGE}")
    asked.ssh(MANAGER).load(IMAGE)
    (there,) = check_control_plane_backup.fn(asked)
    assert (there.level, there.where) == (Level.OK, "control plane")
