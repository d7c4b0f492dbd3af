"""The control plane's backup, as the vendor's contract has it (section 4, rule 29), over both transports."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import commands, control_plane
from lab.paths import PKI
from runbook.domain.control_plane_backup import ControlPlaneArchive, why_not_whole
from runbook.domain.errors import UnreachableError
from runbook.remote.control_plane_backup import ControlPlaneBackup, stream_control_plane
from runbook.remote.encryption import generate_identity
from tests.contract.control_plane_client import PREFIX, Plane
from tests.lab_cluster import LabCluster

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_is_left")]
IMAGE = f"lab/ucp:{control_plane.CONTROL_PLANE_VERSION}"
SOCKET = ("-v", "/var/run/docker.sock:/var/run/docker.sock")
RECIPIENT = generate_identity()[1]
KEY = "./ucp-controller-server-certs/key.pem"


@pytest.fixture(scope="module", params=["ssh", "docker"])
def backup(request: pytest.FixtureRequest, lab_cluster: LabCluster) -> Iterator[ControlPlaneBackup]:
    """The backup as a run makes it, in the version that the control plane says it runs."""
    connection = type(lab_cluster)(
        lab_cluster.settings.model_copy(update={"transport": request.param})
    ).connect()
    assert connection.control_plane_image == IMAGE
    yield connection.control_plane_backup(IMAGE)
    connection.close()


def taken(backup: ControlPlaneBackup) -> tuple[bytes, ControlPlaneArchive]:
    """Return the plain archive, and what was seen while it went by."""
    kept = bytearray()

    class Noting:
        def read(self, size: int, /) -> bytes:
            data = archive.read(size)
            kept.extend(data)
            return data

    with backup.stream() as archive:
        seen = stream_control_plane(Noting(), io.BytesIO(), [RECIPIENT], backup.image)
        archive.finish()
    return bytes(kept), seen


@contextmanager
def container(lab: LabCluster, name: str, *arguments: str) -> Iterator[None]:
    """Have a container of the control plane's image on the manager for the block; it waits."""
    run = ["run", "-d", "--name", name, "--entrypoint", "sh", IMAGE, "-c", "sleep 60", *arguments]
    started = lab.manager_docker(run)
    assert started.status == 0, started.stderr
    try:
        yield
        state = lab.manager_docker(["inspect", "-f", "{{.State.Running}}", name]).stdout
        assert state == b"true\n", "it was there before, and is not any more"
    finally:
        lab.manager_docker(["rm", "-f", name])


def test_section_4_a_backup_is_whole_with_the_key_that_serves(backup: ControlPlaneBackup) -> None:
    data, seen = taken(backup)
    assert why_not_whole(seen) is None
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        key = tar.extractfile(KEY)
        assert key
        assert key.read() == (PKI / "ucp-key.pem").read_bytes()


def test_section_4_users_organisations_and_teams_are_in_it(backup: ControlPlaneBackup, plane: Plane) -> None:
    org = f"{PREFIX}org"
    accounts = "/enzi/v0/accounts"
    plane.http.post(accounts, json={"name": org, "isOrg": True}).raise_for_status()
    try:
        plane.http.post(f"{accounts}/{org}/teams", json={"name": "team-of-it"}).raise_for_status()
        data, _ = taken(backup)
    finally:
        plane.http.delete(f"{accounts}/{org}").raise_for_status()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (name,) = (name for name in tar.getnames() if name.endswith("/auth-store.tar.gz"))
        store = tar.extractfile(name)
        assert store
        content = gzip.decompress(store.read())
    assert org.encode() in content
    assert b"team-of-it" in content


def test_rule_29_a_second_backup_on_the_node_fails_and_leaves_the_first_alone(
    backup: ControlPlaneBackup, lab_cluster: LabCluster
) -> None:
    with container(lab_cluster, "ucp"):
        with pytest.raises(UnreachableError, match="one backup at a time"):
            taken(backup)
        with pytest.raises((ZeroDivisionError, UnreachableError)), backup.stream():
            raise ZeroDivisionError  # left before its end: only what it started itself is ended


def test_rule_29_of_two_backups_of_one_control_plane_the_second_fails(
    backup: ControlPlaneBackup, lab_cluster: LabCluster
) -> None:
    with (
        container(lab_cluster, f"{PREFIX}first", "controlplane", "backup"),
        pytest.raises(UnreachableError, match="another backup is running"),
    ):
        taken(backup)


def test_rule_12_a_backup_that_is_cut_off_and_ended_well_is_noticed(backup: ControlPlaneBackup) -> None:
    with commands.open_lab() as lab:
        control_plane.truncate_backups(lab.topology, on=True)
        try:
            _, seen = taken(backup)
        finally:
            control_plane.truncate_backups(lab.topology, on=False)
    assert "cut off" in (why_not_whole(seen) or "")


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        (SOCKET, ("backup",), b"give either --passphrase or --no-passphrase"),
        (SOCKET, ("backup", "--passphrase", "too-short"), b"12 characters or more"),
        (
            (),
            ("backup", "--no-passphrase"),
            b"unable to connect to the engine at unix:///var/run/docker.sock",
        ),
    ],
    ids=["no choice", "short passphrase", "no socket"],
)
def test_section_4_a_backup_that_cannot_be_says_why_and_writes_nothing(
    lab_cluster: LabCluster, options: tuple[str, ...], arguments: tuple[str, ...], words: bytes
) -> None:
    done = lab_cluster.manager_docker(["run", "--rm", "--name", "ucp", *options, IMAGE, *arguments])
    assert (done.status, done.stdout) == (1, b"")
    assert b"level=fatal" in done.stderr
    assert words in done.stderr


def test_section_4_a_passphrase_makes_it_an_openpgp_message(lab_cluster: LabCluster) -> None:
    run = ["run", "--rm", "-i", "--name", "ucp", *SOCKET, IMAGE, "backup", "--passphrase", "twelve chars"]
    done = lab_cluster.manager_docker(run)
    assert (done.status, done.stdout[:1]) == (0, b"\xc3"), (
        done.stderr
    )  # a session key under a passphrase comes first
    assert b"ucp-" not in done.stdout


def test_section_4_a_backup_is_for_a_manager(plane: Plane) -> None:
    _, worker = plane.nodes()
    run = ("run", "--rm", "-e", f"constraint:node=={worker}", *SOCKET, IMAGE, "backup", "--no-passphrase")
    done = plane.cli(*run)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"run the backup on a manager" in done.stderr


def test_section_4_a_file_is_written_below_the_bind_mount_with_its_log(lab_cluster: LabCluster) -> None:
    mount = ("-v", f"{PREFIX}backup:/backup")
    run = [
        "run",
        "--rm",
        "--name",
        "ucp",
        *SOCKET,
        *mount,
        IMAGE,
        "backup",
        "--no-passphrase",
        "--file",
        "b.tar",
    ]
    done = lab_cluster.manager_docker(run)
    assert (done.status, done.stdout) == (0, b"")
    listing = ["run", "--rm", *mount, "--entrypoint", "sh", IMAGE, "-c", "ls /backup; tar -tf /backup/b.tar"]
    listed = lab_cluster.manager_docker(listing).stdout.decode().split()
    lab_cluster.manager_docker(["volume", "rm", f"{PREFIX}backup"])
    assert listed[:2] == ["b.tar", "backup.log"]
    assert KEY in listed
