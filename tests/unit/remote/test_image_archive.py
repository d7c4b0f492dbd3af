from pathlib import Path

import pytest

from runbook.domain.errors import InvalidConfigError
from runbook.remote.image_archive import read_ids
from tests.fakes.image_archive import write_archive


@pytest.mark.parametrize("name", ["images.tar", "images.tar.gz"])
def test_the_images_of_an_archive_are_known_by_name_and_id(tmp_path: Path, name: str) -> None:
    ids = write_archive(tmp_path / name, ["lab/dtr:1", "lab/dtr-api:1"])
    assert read_ids(tmp_path / name) == {image: {number} for image, number in ids.items()}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no tar", "it is no archive of images"),
        (b"", "it is no archive of images"),
        (None, "it cannot be read: No such"),
    ],
)
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "images.tar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidConfigError) as invalid:
        read_ids(path)
    assert invalid.value.where == f"registry.images.archive {path}"
    assert invalid.value.what.startswith(what)


def test_an_archive_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "images.tar.gz"
    write_archive(path, ["lab/dtr:1"], ballast=500_000)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InvalidConfigError, match="it is no archive of images"):
        read_ids(path)
