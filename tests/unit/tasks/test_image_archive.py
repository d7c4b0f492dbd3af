from pathlib import Path

from blocks.image_source import ImageSourceSettings
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.findings import Finding, Level
from tasks.image_archive import check_image_archive
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.image_archive import write_archive

DTR = "mirantis/dtr:2.9.29"


def found(cluster: FakeCluster, archive: Path) -> Finding:
    cluster.settings.registry.images = ImageSourceSettings(archive=str(archive))
    (finding,) = check_image_archive.fn(cluster)
    return finding


def test_without_an_archive_nothing_is_said(cluster: FakeCluster) -> None:
    assert check_image_archive.fn(cluster) == ()
    cluster.settings.registry.images = ImageSourceSettings(repository="registry.internal/mirantis")
    assert check_image_archive.fn(cluster) == ()


def test_an_archive_with_the_bootstrapper_is_fine(cluster: FakeCluster, tmp_path: Path) -> None:
    write_archive(tmp_path / "images.tar.gz", [DTR, "mirantis/dtr-api:2.9.29"])
    assert found(cluster, tmp_path / "images.tar.gz").level is Level.OK


def test_a_missing_archive_blocks_with_its_path(cluster: FakeCluster, tmp_path: Path) -> None:
    missing = found(cluster, tmp_path / "images.tar")
    assert (missing.level, missing.where, missing.error) == (
        Level.BLOCKS,
        f"registry.images.archive {tmp_path}/images.tar",
        InvalidConfigError,
    )
    assert missing.what == "it cannot be read: No such file or directory"


def test_what_is_no_archive_blocks(cluster: FakeCluster, tmp_path: Path) -> None:
    (tmp_path / "images.tar").write_text("not found")
    assert "it is no archive of images" in found(cluster, tmp_path / "images.tar").what


def test_an_archive_of_another_version_lacks_the_bootstrapper(cluster: FakeCluster, tmp_path: Path) -> None:
    write_archive(tmp_path / "images.tar", ["mirantis/dtr:2.9.28"])
    lacking = found(cluster, tmp_path / "images.tar")
    assert (lacking.level, lacking.what, lacking.error) == (
        Level.BLOCKS,
        f"it does not hold {DTR}",
        RefusedError,
    )
