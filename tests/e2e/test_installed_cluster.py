"""Faults of a registry with one replica: none loses anything, none publishes half a recovery point."""

import io
import re
import sqlite3
import tarfile

import pytest

from lab import commands
from lab.node_engines import node_engine
from lab.paths import PKI, PREFECT
from lab.topology import BALANCER, REGISTRY_NODES
from runbook.domain.control_plane_backup import KEY, LEAST_ENTRIES
from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.recovery import CONTROL_PLANE, part_key
from runbook.remote.archive import read_metadata
from runbook.remote.recovery_points import load_point
from tests.e2e.conftest import SUNDAY_NIGHT, fault, wait_until_healthy
from tests.e2e.runs import assert_failed, assert_run_failed, deployed, query, runbook
from tests.e2e.secrets_of_the_lab import FORCED, assert_no_secret_in, secrets_of_the_lab
from tests.e2e.vault_endpoints import BUCKET, guarded_endpoint
from tests.e2e.world import assert_nothing_lost, look

pytestmark = pytest.mark.e2e


@pytest.fixture
def before(installed):
    """The world before the test: one replica, one recovery point, garbage collection scheduled."""
    seen = look(installed.cluster)
    assert len(seen.replicas) == len(seen.points) == 1
    assert (seen.crons or {})["onlinegc"] == {"action": "onlinegc", **SUNDAY_NIGHT}
    return seen


def test_a_second_install_keeps_everything_and_says_why(installed, before):
    again = runbook("install", cluster=installed.cluster.file)
    assert again.status == 0
    assert sorted(again.kept.values()) == [
        *["all of them are there"] * 5,
        "it is installed and healthy",
        "it is there",
        "its configuration is as wanted",
        "the registry uses it already",
    ]
    assert look(installed.cluster) == before


def test_the_recovery_point_holds_the_control_plane_with_its_key(installed, before):
    connection = installed.cluster.connect()
    try:
        point = load_point(connection.vault, "lab", before.points[0])
        assert point.details["control_plane_image"] == "lab/ucp:3.2.6"
        key = part_key("lab", point.id, CONTROL_PLANE)
        with read_metadata(connection.vault, key, connection.identity) as plain:
            data = plain.read()
    finally:
        connection.close()
    assert len(data) == point.objects[CONTROL_PLANE].plain_size
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert len(tar.getnames()) >= LEAST_ENTRIES
        assert tar.extractfile(f"./{KEY}").read() == (PKI / "ucp-key.pem").read_bytes()


@pytest.mark.parametrize("flow", ["install", "scale-out", "backup"])
def test_a_plan_touches_nothing(installed, before, flow):
    planned = runbook(flow, "--plan", cluster=installed.cluster.file)
    assert planned.status == 0, planned.stderr
    assert "Plan" in planned.stdout
    assert look(installed.cluster) == before


def test_a_backup_through_the_control_plane_alone_into_a_folder_is_verified(
    installed, before, altered, tmp_path
):
    folder = tmp_path / "vault"
    folder.mkdir()

    def change(content):
        content.update(transport="docker", vault=_folder(content, folder))

    file = altered(change)
    ended = runbook("backup", cluster=file)
    assert ended.status == 0, ended.stderr
    looked = runbook("points", "verify", "--mode", "quick", cluster=file)
    assert looked.status == 0, looked.stderr
    listed = runbook("points", "list", cluster=file).stdout
    assert re.search(r"\d{8}T\d{6}Z-[0-9a-f]{8} +\S+ +verified +2\.9\.29 +quick, \S+ ago +3 ", listed), listed
    assert_nothing_lost(before, look(installed.cluster))


def test_a_backup_that_ends_well_and_is_cut_off_leaves_no_point(installed, before):
    what = "the backup ended well and its archive is not whole: the archive is cut off after"
    with fault("backup-truncated"):
        ended = runbook("backup", cluster=installed.cluster.file)
        run = deployed("backup/nightly")
    assert_failed(ended, MismatchError, "dtr1", what, "nothing was published; run `runbook backup` again")
    assert_run_failed(run, "dtr1", what, "nothing was published")
    assert_nothing_lost(before, look(installed.cluster))


@pytest.mark.parametrize(
    ("flow", "refusal"),
    [
        (
            "backup",
            (
                "replica {id}",
                "Replica {id} has version 2.9.29 but this is 2.4.1",
                "set the cluster file's version to the one that runs",
            ),
        ),
        (
            "scale-out",
            (
                "registry.version",
                "{id} on dtr1 runs 2.9.29; the cluster file says 2.4.1",
                "set `registry.version` to what runs",
            ),
        ),
    ],
)
def test_a_bootstrapper_of_another_version_is_refused(installed, before, altered, flow, refusal):
    ended = runbook(flow, cluster=altered(lambda content: content["registry"].update(version="2.4.1")))
    replica = next(iter(before.replicas))
    assert_failed(ended, RefusedError, *(words.format(id=replica) for words in refusal))
    assert_nothing_lost(before, look(installed.cluster))


def test_a_vault_whose_bucket_does_not_exist_is_refused(installed, before, altered):
    file = altered(lambda content: content["vault"].update(url="s3://no-such-bucket"))
    ended = runbook("backup", cluster=file)
    where = "s3://no-such-bucket/lab/points/"
    assert_failed(
        ended, RefusedError, where, "the bucket does not exist", "make the bucket or correct its name"
    )
    assert_nothing_lost(before, look(installed.cluster))


def test_a_vault_that_does_not_know_the_key_is_refused(installed, before, altered, tmp_path):
    with guarded_endpoint() as guarded:
        file = altered(_vault_at(tmp_path, guarded.url, "AKIAIOSFODNN7EXAMPLE", "wrong"))
        ended = runbook("backup", cluster=file)
    where = f"s3://{BUCKET}/lab/points/"
    assert_failed(
        ended, RefusedError, where, "S3 answered 403 InvalidAccessKeyId", "check the keys and the rights"
    )
    assert_nothing_lost(before, look(installed.cluster))


def test_a_vault_that_may_only_be_read_is_refused(installed, before, altered, tmp_path):
    with guarded_endpoint() as guarded:
        file = altered(_vault_at(tmp_path, guarded.url, guarded.access_key, guarded.secret_key))
        ended = runbook("backup", cluster=file)
    where = f"s3://{BUCKET}/lab/locks/cluster.json"
    assert_failed(ended, RefusedError, where, "S3 answered 403 AccessDenied", "check the keys and the rights")
    assert_nothing_lost(before, look(installed.cluster))


def test_a_vault_folder_without_the_right_to_write_is_refused(installed, before, altered):
    folder = "/sys/kernel"  # where not even root may make a file
    ended = runbook("backup", cluster=altered(lambda content: content.update(vault=_folder(content, folder))))
    what = "(Operation not permitted|Permission denied|Read-only file system)"
    assert_failed(
        ended, RefusedError, f"file://{folder}/lab/locks/cluster.json", what, "check the folder's permissions"
    )
    assert_nothing_lost(before, look(installed.cluster))


def test_a_vault_folder_whose_mount_is_missing_is_refused_and_not_made(installed, before, altered, tmp_path):
    folder = tmp_path / "mount" / "backups"
    ended = runbook("backup", cluster=altered(lambda content: content.update(vault=_folder(content, folder))))
    assert_failed(ended, RefusedError, f"file://{folder}", "there is no such folder", "mount it")
    assert not folder.parent.exists()
    assert_nothing_lost(before, look(installed.cluster))


def test_a_backup_of_a_replica_whose_node_is_off_leaves_no_half_point(installed, before, altered):
    file = altered(_impatient)
    with fault("node-off", "dtr1"):
        ended = runbook("backup", cluster=file)
    wait_until_healthy(installed.cluster)
    what = "no quorum, no backup: no replica, unreachable: dtr1"
    assert_failed(ended, RefusedError, "lab", what, "heal the cluster first")
    assert_nothing_lost(before, look(installed.cluster))


def test_a_backup_that_cannot_reach_the_control_plane_leaves_no_half_point(installed, before):
    with fault("control-plane-down"):
        ended = runbook("backup", cluster=installed.cluster.file)
    where = f"control plane {installed.cluster.control_plane_url}"
    assert_failed(
        ended, UnreachableError, where, "no answer: ", "see that it runs and is reachable from here"
    )
    assert_nothing_lost(before, look(installed.cluster))


def test_a_backup_without_a_load_balancer_leaves_no_half_point(installed, before):
    with fault("balancer-stopped"):
        ended = runbook("backup", cluster=installed.cluster.file)
    wait_until_healthy(installed.cluster)
    commands.heal_fault("balancer-stopped")  # healing what is well starts no second one beside it
    with commands.open_lab() as lab:
        lab.run(BALANCER, "sh", "-c", "[ $(pgrep -x haproxy | wc -l) = 1 ]")
    assert_failed(ended, UnreachableError, "lb1", "port 8181 on its loopback did not answer", "")
    assert_nothing_lost(before, look(installed.cluster))


def test_a_node_that_is_frozen_blocks_a_scale_out(installed, before, altered):
    file = altered(_impatient)
    with fault("node-paused", "dtr2"):
        ended = runbook("scale-out", cluster=file)
        run = deployed("scale-out/on-demand", file)
    assert_failed(ended, UnreachableError, "dtr2", "no SSH session as root at", "see that the node is up")
    assert_run_failed(run, "dtr2", "no SSH session as root at", "see that the node is up")
    assert_nothing_lost(before, look(installed.cluster))


def test_no_secret_is_in_the_arguments_of_any_process(installed):
    assert any("UCP_PASSWORD" in line for line in installed.command_lines.programs)
    assert any("registry.bootstrapper backup" in line for line in installed.command_lines.programs)
    assert installed.command_lines.exposed == set()


def test_no_secret_is_in_the_environment_of_any_process_but_as_the_vendor_wants_it(installed):
    assert installed.command_lines.held <= FORCED


def test_no_secret_is_in_what_the_prefect_server_keeps(installed):
    for run in installed.runs:
        logs = query("logs/filter", {"logs": {"flow_run_id": {"any_": [run.flow_run_id]}}, "limit": 200})
        assert logs
        assert_no_secret_in(*(log["message"] for log in logs))
    artifacts = query("artifacts/filter", {})
    assert {artifact["key"] for artifact in artifacts} >= {"install-lab", "backup-lab"}
    assert_no_secret_in(*(str(artifact) for artifact in artifacts))
    assert_no_secret_in(*(str(run) for run in query("flow_runs/filter", {})))
    assert_no_secret_in(*(str(block) for block in query("block_documents/filter", {"include_secrets": True})))


def test_no_secret_is_in_the_files_of_the_prefect_server(installed):
    with sqlite3.connect(PREFECT / "prefect.db") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert_no_secret_in(dump, *(log.read_text(errors="replace") for log in PREFECT.glob("*.log")))


def test_no_secret_of_the_operator_is_in_a_replicas_containers(installed):
    secrets = secrets_of_the_lab()
    with commands.open_lab() as lab, node_engine(lab.topology, REGISTRY_NODES[0]) as engine:
        containers = engine.containers.list(all=True)
        assert len(containers) >= 6
        shown = "".join(str(container.attrs) for container in containers)
    assert [name for name, value in secrets.items() if value in shown] == []


def _impatient(content):
    content["ssh"]["connect_timeout"] = 3


def _vault_at(folder, url, access_key, secret_key):
    (folder / "access-key").write_text(access_key)
    (folder / "secret-key").write_text(secret_key)

    def change(content):
        content["vault"] |= {
            "url": f"s3://{BUCKET}",
            "endpoint": url,
            "access_key": f"file:{folder}/access-key",
            "secret_key": f"file:{folder}/secret-key",
        }

    return change


def _folder(content, folder):
    kept = {key: content["vault"][key] for key in ("recipients", "identity")}
    return {"url": f"file://{folder}", **kept}
