"""The rules of the contract that the bootstrapper keeps before and while a cluster stands.

The ground of each is in its docstring: DOC the vendor documents it, OBS it was observed, LP Launchpad relies on it.
"""

import io
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.bootstrapper_bench import (
    FIRST,
    IMAGE,
    OLD_IMAGE,
    SECOND,
    THIRD,
    VERSION,
    Bench,
    is_log,
)  # fmt: skip
from tests.contract.control_plane_client import ADMIN, Plane

pytestmark = pytest.mark.integration
ROOT = f"dtr-backup-v{VERSION}-online"


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench


@pytest.fixture(scope="module")
def nodes(bench: Bench) -> list[str]:
    """The nodes, the first of them with a replica."""
    workers = bench.workers()
    installed = bench.install(workers[0])
    assert installed.status == 0, installed.log
    return workers


@pytest.fixture(scope="module")
def archive(bench: Bench, nodes: list[str]) -> bytes:
    """A backup of the cluster."""
    done = bench.boot("backup", "--existing-replica-id", FIRST)
    assert done.status == 0, done.log
    return done.stdout


def test_images_lists_one_reference_a_line_and_needs_no_control_plane(bench: Bench) -> None:
    """OBS, LP: contract 1.10."""
    done = bench.run("images")
    assert done.status == 0
    assert IMAGE in done.stdout.decode().splitlines()
    assert all(re.fullmatch(r"lab/dtr[a-z-]*:2\.9\.29", line) for line in done.stdout.decode().splitlines())


def test_every_command_has_help(bench: Bench) -> None:
    """DOC: contract 1.1."""
    for command in ("install", "join", "backup", "restore", "destroy", "images"):
        done = bench.run(command, "--help")
        assert done.status == 0
        assert "--ucp-url" in done.stdout.decode()


def test_rule_1_a_wrong_password_fails_before_any_change(bench: Bench, nodes: list[str]) -> None:
    """DOC."""
    before = (bench.containers().keys(), bench.volumes())
    done = bench.run("install", *bench.access(), "--ucp-password", "wrong", "--ucp-node", nodes[1])
    assert done.status != 0
    assert done.last.startswith("FATA")
    assert (bench.containers().keys(), bench.volumes()) == before


def test_rule_1_an_unknown_authority_fails_before_any_change(bench: Bench, nodes: list[str]) -> None:
    """DOC."""
    before = bench.containers().keys()
    access = ("--ucp-url", bench.plane.url, "--ucp-username", ADMIN, "--ucp-password", bench.plane.password)
    done = bench.run("install", *access, "--ucp-node", nodes[1])
    assert done.status != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.last
    assert bench.containers().keys() == before


def test_rule_2_backup_and_join_refuse_a_replica_of_another_version(bench: Bench, nodes: list[str]) -> None:
    """The advice is DOC; the stand-in chooses to refuse."""
    for arguments in (("backup",), ("join", "--ucp-node", nodes[1])):
        done = bench.boot(*arguments, "--existing-replica-id", FIRST, image=OLD_IMAGE)
        assert done.status != 0
        assert f"has version {VERSION} but this is 2.4.1" in done.last
        assert done.stdout == b""


def test_rule_3_backup_with_a_terminal_fails_and_writes_no_tar(bench: Bench, nodes: list[str]) -> None:
    """OBS."""
    done = bench.run("backup", *bench.access(), "--existing-replica-id", FIRST, docker=("-t",))
    said = done.stdout.decode() + done.log  # a terminal has one stream
    assert done.status != 0
    assert "Failed to require no tty: Terminal mode detected." in said
    assert "remove '-t'" in said
    assert nodes
    assert "dtr-backup" not in said


def test_rule_4_backup_writes_only_the_tar_on_stdout(bench: Bench, nodes: list[str]) -> None:
    """DOC, OBS."""
    done = bench.boot("backup", "--existing-replica-id", FIRST)
    assert done.status == 0
    assert nodes
    assert done.stdout.startswith(ROOT.encode())
    assert done.stdout.endswith(b"\0" * 1024)
    assert is_log(done.log)
    assert re.search(r"INFO\[\d{4}\] Validating UCP cert", done.log)


def test_rule_5_a_missing_password_without_a_terminal_is_an_error(bench: Bench) -> None:
    """OBS."""
    done = bench.run("backup", *bench.access(), stdin=b"secret\n")
    assert done.status != 0
    wanted = "cannot prompt for a password because the container was not started in tty mode (-t)"
    assert re.search(rf"ucp-password: ERRO\[\d{{4}}\] {re.escape(wanted)}", done.log)


def test_rule_5_missing_values_that_are_no_secret_are_read_from_stdin(bench: Bench, nodes: list[str]) -> None:
    """OBS."""
    secret = ("-i", "--env", f"UCP_PASSWORD={bench.plane.password}")
    typed = f"{bench.plane.url}\n{ADMIN}\n\n".encode()
    done = bench.run("backup", "--ucp-insecure-tls", stdin=typed, docker=secret)
    assert done.status == 0, done.log
    assert nodes
    assert "ucp-url (The UCP URL including domain and port): " in done.log
    assert "ucp-username (The UCP administrator username): " in done.log
    assert f"[{FIRST}]: " in done.log
    assert done.stdout.startswith(ROOT.encode())


def test_rule_11_the_archive_is_one_directory_a_table_and_one_file_a_row(archive: bytes) -> None:
    """OBS."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = tar.getmembers()
    folders = [member for member in members if member.isdir()]
    files = [member.name for member in members if member.isfile()]
    assert [folder.name for folder in folders[:2]] == [ROOT, f"{ROOT}/rethink"]
    assert len(folders) == 2 + 26
    assert {(folder.mode, folder.mtime, folder.uid) for folder in folders} == {(0o700, 0, 0)}
    assert f"{ROOT}/rethink/properties/0" in files
    assert all(re.fullmatch(rf"{ROOT}/rethink/[a-z_]+/\d+", name) for name in files)
    assert {name.split("/")[2] for name in files} == {"properties", "crons"}


def test_rule_12_exit_0_is_no_proof_of_a_backup(bench: Bench, nodes: list[str]) -> None:
    """A defensive rule of ours; what the vendor's program does is unknown."""
    with bench.switched_on(nodes[0], "backup-truncated"):
        done = bench.boot("backup", "--existing-replica-id", FIRST)
    assert done.status == 0
    assert not done.stdout.endswith(b"\0" * 1024)
    with pytest.raises(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.getmembers()


def test_rule_13_an_offline_backup_stops_that_replicas_database_meanwhile(
    bench: Bench, nodes: list[str]
) -> None:
    """DOC; its root directory and content are the stand-in's choice."""
    done = bench.boot("backup", "--existing-replica-id", FIRST, "--offline-backup")
    assert done.status == 0, done.log
    assert f"Stopping dtr-rethinkdb-{FIRST}" in done.log
    assert bench.containers()[f"{nodes[0]}/dtr-rethinkdb-{FIRST}"]["State"] == "running"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        assert len([member for member in tar if member.isdir()]) == 2 + 26


def test_rule_17_a_malformed_replica_id_is_refused_before_any_change(bench: Bench, nodes: list[str]) -> None:
    """The format is DOC; the stand-in chooses to refuse."""
    before = bench.volumes()
    done = bench.install(nodes[1], "not-a-replica")
    assert done.status != 0
    assert "Invalid replica ID 'not-a-replica'" in done.last
    assert bench.volumes() == before


def test_rule_17_an_unknown_existing_replica_is_refused_and_the_valid_ones_named(bench: Bench) -> None:
    """The stand-in chooses."""
    done = bench.boot("backup", "--existing-replica-id", THIRD)
    assert done.status != 0
    assert f"Replica {THIRD} does not exist" in done.last
    assert FIRST in done.last


def test_rule_18_names_labels_and_volumes(bench: Bench, nodes: list[str]) -> None:
    """OBS, LP."""
    containers = bench.containers()
    services = ("api", "garant", "jobrunner", "nginx", "registry", "rethinkdb")
    assert sorted(containers) == [f"{nodes[0]}/dtr-{service}-{FIRST}" for service in services]
    for container in containers.values():
        assert container["Labels"]["com.docker.dtr.version"] == VERSION
        assert container["Labels"]["com.docker.dtr.replica"] == FIRST
    assert containers[f"{nodes[0]}/dtr-rethinkdb-{FIRST}"]["Image"] == f"lab/dtr-rethink:{VERSION}"
    kinds = ("ca", "notary", "postgres", "registry", "rethink")
    assert bench.volumes() == [f"{nodes[0]}/dtr-{kind}-{FIRST}" for kind in kinds]


def test_rule_19_a_node_holds_one_replica(bench: Bench, nodes: list[str]) -> None:
    """DOC."""
    done = bench.join(nodes[0], SECOND)
    assert done.status != 0
    assert f"already has the DTR replica {FIRST}" in done.last


def test_rule_19_a_node_outside_the_cluster_is_no_target(bench: Bench, nodes: list[str]) -> None:
    """The wording is OBS of an old version, the rest an inference."""
    done = bench.join("nowhere", SECOND)
    assert done.status != 0
    assert "Unable to find a node that satisfies the following conditions [node==nowhere]" in done.last
    assert nodes[0] in done.last


def test_rule_20_a_leftover_phase2_container_stops_the_next_run(bench: Bench, nodes: list[str]) -> None:
    """OBS of the collision; the wording and the time are the stand-in's choice."""
    bench.plane.create("dtr-phase2", f"node=={nodes[1]}", "true").raise_for_status()
    bench.plane.http.post("/containers/dtr-phase2/start").raise_for_status()
    try:
        done = bench.boot("backup", "--existing-replica-id", FIRST)
    finally:
        bench.plane.http.delete("/containers/dtr-phase2", params={"force": "1"})
    assert done.status != 0
    assert f"dtr-phase2 container was left on node {nodes[1]}" in done.last


def test_rule_20_two_runs_queue(bench: Bench, nodes: list[str]) -> None:
    """OBS."""
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: bench.boot("backup", "--existing-replica-id", FIRST), range(2)))
    assert nodes
    assert [run.status for run in runs] == [0, 0], [run.last for run in runs]


def test_rule_20_a_held_lock_stops_an_operation(bench: Bench, nodes: list[str]) -> None:
    """The lock is in the release notes; its place and wording are the stand-in's choice."""
    bench.database(nodes[0], "put", "/locks/operation", "a failed join")
    try:
        done = bench.boot("backup", "--existing-replica-id", FIRST)
    finally:
        bench.database(nodes[0], "del", "/locks/operation")
    assert done.status != 0
    assert "the cluster is locked: a failed join" in done.last
    assert done.stdout == b""


def test_rule_21_a_busy_port_is_detected_before_any_change(bench: Bench, nodes: list[str]) -> None:
    """OBS of the probe; the wording is the stand-in's choice."""
    ports = {
        "HostConfig": {"PortBindings": {"443/tcp": [{"HostPort": "443"}]}},
        "ExposedPorts": {"443/tcp": {}},
    }
    before = bench.volumes()
    with bench.occupied(nodes[1], "cp-contract-web", **ports):
        done = bench.join(nodes[1], SECOND)
    assert done.status != 0
    assert f"Port conflict on node {nodes[1]}" in done.last
    assert bench.volumes() == before


def test_rule_29_with_the_scheduler_setting_off_no_container_can_be_made(
    bench: Bench, nodes: list[str]
) -> None:
    """DOC."""
    path = "/api/ucp/config-toml"
    text = bench.plane.http.get(path).raise_for_status().text
    off = re.sub(r"(enable_admin_ucp_scheduling = )true", r"\1false", text)
    bench.plane.http.put(path, content=off).raise_for_status()
    try:
        done = bench.boot("backup", "--existing-replica-id", FIRST)
    finally:
        bench.plane.http.put(path, content=text).raise_for_status()
    assert done.status != 0
    assert nodes
    assert "could not find any nodes on which the container could be created" in done.last
