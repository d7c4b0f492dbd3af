"""A recovery point opens with `age`, `zstd` and `tar` alone, as the operator page says."""

import io
import subprocess
import tarfile
from pathlib import Path

import docker
import pytest

from runbook.remote.archive import stream_metadata
from runbook.remote.encryption import generate_identity
from tests.fakes.metadata_archive import archive, rows_of_image

pytestmark = pytest.mark.integration


def image_with_tools() -> str:
    """Return an image of the lab's nodes, which have the three tools."""
    engine = docker.from_env()
    try:
        tags = [tag for image in engine.images.list("lab/node") for tag in image.tags]
    finally:
        engine.close()
    assert tags, "no lab/node image is here: bring the lab up first"
    return sorted(tags)[0]


def test_the_archive_opens_with_age_zstd_and_tar_alone(tmp_path: Path) -> None:
    identity, recipient = generate_identity()
    tar = archive(rows_of_image("org/app", "v1", b"{}", [b"layer"]))
    with (tmp_path / "metadata.tar.zst.age").open("wb") as sink:
        stream_metadata(io.BytesIO(tar), sink, [recipient])
    (tmp_path / "key.txt").write_text(identity.get_secret_value())
    command = "age -d -i /point/key.txt /point/metadata.tar.zst.age | zstd -d | tar -t"
    run = ["docker", "run", "--rm", "--network", "none", "--volume", f"{tmp_path}:/point:ro"]
    run += ["--entrypoint", "bash", image_with_tools(), "-o", "pipefail", "-c", command]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(tar)) as expected:
        assert [line.rstrip("/") for line in done.stdout.splitlines()] == expected.getnames()
