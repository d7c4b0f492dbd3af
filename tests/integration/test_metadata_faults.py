"""The bootstrapper's stream breaks, lies or ends badly: not a byte of it counts, and nothing of it stays."""

import sys
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from prefect.logging import disable_run_logger
from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlaneAccess
from runbook.remote.s3_upload import PartPlan
from runbook.remote.ssh import SshPool
from runbook.remote.ssh_transport import SshTransport
from runbook.remote.vault_s3 import S3Vault
from tasks.recovery_points import begin_point, stream_metadata
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.local_transport import LocalTransport
from tests.fakes.metadata_archive import archive
from tests.fakes.ssh_server import SshServer
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

IMAGE = "docker/dtr:2.9.29"
ACCESS = ControlPlaneAccess("https://198.18.0.10", "admin", SecretStr("secret"), "PEM")
WHOLE = archive({"events": [{"text": f"{number:030d}"} for number in range(200)]})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with pytest.MonkeyPatch.context() as patch, s3_endpoint() as seen, disable_run_logger():
        patch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 256)
        yield seen


@pytest.fixture
def cluster(endpoint: Endpoint, tmp_path: Path) -> FakeCluster:
    """A cluster whose vault is a bucket, in parts so small that an upload is under way at once."""
    cluster = FakeCluster(tmp_path, replicas=[alive(1)])
    vault = S3Vault(endpoint.client, endpoint.new_bucket())
    vault._plan = PartPlan(first_size=1024, in_flight=4096)
    cluster.vault = vault  # type: ignore[assignment]
    return cluster


def nothing_in_the_vault(cluster: FakeCluster) -> bool:
    vault: S3Vault = cluster.vault  # type: ignore[assignment]
    uploads = vault.client.list_multipart_uploads(Bucket=vault.bucket).get("Uploads")
    return not uploads and list(vault.list("")) == []


def bootstrapper_that(cluster: FakeCluster, folder: Path, writes: bytes, *ends: str) -> None:
    """Let the cluster's bootstrapper be a real process that writes these bytes and ends so."""
    (folder / "archive").write_bytes(writes)
    lines = (
        "import sys",
        "log = lambda text: print(text, file=sys.stderr, flush=True)",
        f"sys.stdout.buffer.write(open({str(folder / 'archive')!r}, 'rb').read())",
        "sys.stdout.flush()",
    )
    (folder / "bootstrapper.py").write_text("\n".join((*lines, *ends)))
    transport = LocalTransport(IMAGE, (sys.executable, str(folder / "bootstrapper.py")))
    cluster.bootstrapper = Bootstrapper(transport, IMAGE, Version(2, 9, 29), ACCESS)  # type: ignore[assignment]


FATAL = "log('FATA[0009] lost contact with primary replica')"


@pytest.mark.parametrize(
    ("writes", "ends", "kind", "words"),
    [
        (WHOLE, ("sys.exit(1)",), RefusedError, "ended with status 1"),
        (WHOLE[: len(WHOLE) // 2], ("sys.exit(1)",), RefusedError, "ended with status 1"),
        (WHOLE[: len(WHOLE) // 2], (FATAL, "sys.exit(1)"), RefusedError, "lost contact with primary"),
        (WHOLE, (FATAL,), RefusedError, "lost contact with primary"),
        (
            WHOLE[: len(WHOLE) // 2],
            (),
            MismatchError,
            "cut off after .* bytes: its two end blocks are missing",
        ),
        (b"", (), MismatchError, "the archive is empty"),
        (b"<html>502</html>" * 99, (), MismatchError, "not whole"),
    ],
    ids=[
        "status 1",
        "cut, status 1",
        "cut, fatal line",
        "fatal line, status 0",
        "cut, status 0",
        "nothing",
        "no tar",
    ],
)
def test_a_producer_that_dies_or_lies_leaves_nothing_and_says_what_happened(
    cluster: FakeCluster,
    tmp_path: Path,
    writes: bytes,
    ends: tuple[str, ...],
    kind: type[Exception],
    words: str,
) -> None:
    begun = begin_point.fn(cluster)  # type: ignore[arg-type]
    bootstrapper_that(cluster, tmp_path, writes, *ends)
    with pytest.raises(kind, match=words) as failed:
        stream_metadata.fn(cluster, begun)  # type: ignore[arg-type]
    assert "\nNext: " in str(failed.value)
    assert nothing_in_the_vault(cluster)


class CutServer:
    """An sshd whose machine vanishes after so many bytes of the archive, or ends the command well after all."""

    def __init__(self, cut_at: int) -> None:
        self._cut_at = cut_at
        self.server = SshServer(self._answer)

    def _answer(self, channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"4711\n")
        channel.sendall(WHOLE[: self._cut_at])
        if self._cut_at < len(WHOLE):
            self.server.answer = None  # nothing runs there any more
            self.server.drop_connections()
            return
        channel.send_exit_status(0)
        channel.close()


def over_ssh(cluster: FakeCluster, server: SshServer, pool: SshPool) -> None:
    transport = SshTransport(pool, [server.target()], [])
    cluster.bootstrapper = Bootstrapper(transport, IMAGE, Version(2, 9, 29), ACCESS)  # type: ignore[assignment]


@pytest.mark.parametrize("tenth", range(10))
def test_a_connection_that_is_cut_at_any_tenth_of_the_stream_leaves_nothing(
    cluster: FakeCluster, tenth: int
) -> None:
    begun = begin_point.fn(cluster)  # type: ignore[arg-type]
    cut = CutServer(len(WHOLE) * tenth // 10)
    with cut.server, SshPool() as pool:
        over_ssh(cluster, cut.server, pool)
        with pytest.raises(UnreachableError, match=r"^dtr1: .*connection.*\nNext: "):
            stream_metadata.fn(cluster, begun)  # type: ignore[arg-type]
    assert nothing_in_the_vault(cluster)


def test_a_connection_that_stands_to_the_end_brings_the_whole_archive(cluster: FakeCluster) -> None:
    begun = begin_point.fn(cluster)  # type: ignore[arg-type]
    whole = CutServer(len(WHOLE))
    with whole.server, SshPool() as pool:
        over_ssh(cluster, whole.server, pool)
        assert stream_metadata.fn(cluster, begun).bytes_plain == len(WHOLE)  # type: ignore[arg-type]
    assert [seen.key for seen in cluster.vault.list("")] == [f"lab/points/{begun.id}/metadata.tar.zst.age"]
