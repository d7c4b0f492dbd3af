"""A recovery point opens with `age`, `zstd` and `tar` alone, as the operator page says."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import commands
from lab.topology import MANAGER
from runbook.remote.archive import stream_metadata
from runbook.remote.encryption import generate_identity
from tests.fakes.metadata_archive import archive, rows_of_image
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.integration


@pytest.fixture
def image_with_tools(lab_cluster: LabCluster) -> str:
    """The image of this lab's nodes, which have the three tools."""
    with commands.open_lab() as lab:
        return str(lab.container(MANAGER).attrs["Config"]["Image"])


def test_the_archive_opens_with_age_zstd_and_tar_alone(tmp_path: Path, image_with_tools: str) -> None:
    identity, recipient = generate_identity()
    tar = archive(rows_of_image("org/app", "v1", b"{}", [b"layer"]))
    with (tmp_path / "metadata.tar.zst.age").open("wb") as sink:
        stream_metadata(io.BytesIO(tar), sink, [recipient])
    (tmp_path / "key.txt").write_text(identity.get_secret_value())
    command = "age -d -i /point/key.txt /point/metadata.tar.zst.age | zstd -d | tar -t"
    run = ["docker", "run", "--rm", "--network", "none", "--volume", f"{tmp_path}:/point:ro"]
    run += ["--entrypoint", "bash", image_with_tools, "-o", "pipefail", "-c", command]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(tar)) as expected:
        assert [line.rstrip("/") for line in done.stdout.splitlines()] == expected.getnames()
