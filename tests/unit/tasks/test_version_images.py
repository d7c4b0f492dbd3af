from datetime import timedelta

import pytest

from blocks.image_source import ImageSourceSettings
from runbook.domain.findings import Level
from runbook.domain.versions import parse_version
from runbook.remote.vault_file import FileVault
from tasks.version_images import check_older_images
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.many_points import add_point

OLD_IMAGE = "mirantis/dtr:2.9.29"


@pytest.fixture
def newer(cluster: FakeCluster) -> FakeCluster:
    """A cluster of 2.10.4 with a point of 2.9.29 and one of its own version."""
    cluster.older = add_point(cluster, timedelta(days=2), b"one", "2.9.29")  # type: ignore[attr-defined]
    add_point(cluster, timedelta(days=1), b"two", "2.10.4")
    cluster.version = parse_version("2.10.4")
    return cluster


def test_an_image_that_a_kept_point_needs_and_no_manager_has_is_a_warning_with_what_to_pull(
    newer: FakeCluster,
) -> None:
    (found,) = check_older_images.fn(newer)
    assert (found.level, found.where, found.next_step) == (
        Level.WARNING,
        "mke-manager-1",
        f"docker pull {OLD_IMAGE}",
    )
    assert found.what == (
        f"{OLD_IMAGE}, which 1 recovery points need, newest {newer.older}, is on no manager"  # type: ignore[attr-defined]
    )


def test_an_image_that_is_there_is_well_and_the_running_versions_own_is_not_asked_for(
    newer: FakeCluster,
) -> None:
    newer.ssh("mke-manager-1").load(OLD_IMAGE)
    (found,) = check_older_images.fn(newer)
    assert (found.level, found.what.rpartition(", ")[2]) == (Level.OK, "is there")


def test_without_older_points_or_a_vault_there_is_nothing_to_say(cluster: FakeCluster) -> None:
    assert check_older_images.fn(cluster) == ()
    cluster.vault = FileVault(cluster.folder / "gone")
    assert check_older_images.fn(cluster) == ()


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        ({"from": "my.registry/msr"}, "docker pull my.registry/msr/dtr:2.9.29, docker tag"),
        ({"archive": "/images.tar"}, f"bring {OLD_IMAGE} there with `docker load`"),
    ],
)
def test_what_to_do_names_the_source_of_the_cluster_file(
    newer: FakeCluster, images: dict[str, str], advice: str
) -> None:
    newer.settings.registry.images = ImageSourceSettings.model_validate(images)
    (found,) = check_older_images.fn(newer)
    assert found.next_step.startswith(advice)
