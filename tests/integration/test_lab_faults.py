"""Every fault is real, and heals."""

import socket
import tomllib

import boto3
import pytest

from lab import commands, control_plane, control_plane_settings, storage
from lab.identity import read_secret
from lab.machines import find_machine
from lab.node_engines import why_engine_not_ready
from lab.storage import REGION, STORAGE_BUCKET
from lab.swarm import why_node_not_ready
from lab.topology import BALANCER, MANAGER, REGISTRY_NODES
from runbook.domain.errors import RefusedError
from tests.integration.lab_machines import REPLICA, leave_a_replica, registry_names, ssh_to
from tests.lab_cluster import bring_up

pytestmark = pytest.mark.integration
NODE = REGISTRY_NODES[1]
_TIMED_OUT = 124


@pytest.fixture(scope="module")
def lab():
    bring_up()
    commands.reset()
    with commands.open_lab() as lab:
        yield lab
    commands.reset()


def answers(lab, machine, port: int) -> bool:
    try:
        socket.create_connection((lab.topology.address(machine), port), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_node_that_is_off_answers_nothing_and_comes_back_as_it_was(lab):
    leave_a_replica(lab, NODE)
    commands.break_fault("node-off", NODE.name)
    assert find_machine(lab.client, lab.topology, NODE).status == "exited"
    assert not answers(lab, NODE, 22)
    commands.heal_fault("node-off", NODE.name)
    assert why_node_not_ready(lab.topology, NODE) is None
    assert registry_names(lab, NODE) == [f"dtr-ca-{REPLICA}", f"dtr-rethinkdb-{REPLICA}"]
    commands.break_fault("replicas-destroyed", NODE.name)
    assert registry_names(lab, NODE) == []


def test_a_paused_node_accepts_connections_and_says_nothing(lab):
    commands.break_fault("node-paused", NODE.name)
    try:
        assert answers(lab, NODE, 22)
        assert why_engine_not_ready(lab.topology, NODE) is not None
    finally:
        commands.heal_fault("node-paused", NODE.name)
    with ssh_to(lab, NODE):
        assert why_engine_not_ready(lab.topology, NODE) is None


def test_a_node_without_its_engine_still_lets_the_operator_in(lab):
    commands.break_fault("engine-stopped", NODE.name)
    try:
        assert why_engine_not_ready(lab.topology, NODE) is not None
        with ssh_to(lab, NODE):
            assert not answers(lab, NODE, 12376)
    finally:
        commands.heal_fault("engine-stopped", NODE.name)
    assert why_engine_not_ready(lab.topology, NODE) is None


def test_the_control_plane_goes_down_and_comes_back(lab):
    commands.break_fault("control-plane-down")
    try:
        assert control_plane.why_control_plane_not_ready(lab.topology) is not None
    finally:
        commands.heal_fault("control-plane-down")
    assert control_plane.why_control_plane_not_ready(lab.topology) is None


def test_the_managers_power_takes_the_control_plane_along_and_brings_it_back(lab):
    commands.break_fault("node-off", MANAGER.name)
    assert control_plane.why_control_plane_not_ready(lab.topology) is not None
    commands.heal_fault("node-off", MANAGER.name)
    assert control_plane.why_control_plane_not_ready(lab.topology) is None
    assert commands.status().ready


def test_the_balancer_stops_and_starts(lab):
    commands.break_fault("balancer-stopped")
    try:
        assert not answers(lab, BALANCER, 443)
    finally:
        commands.heal_fault("balancer-stopped")
    assert answers(lab, BALANCER, 443)


def test_the_storage_bucket_is_emptied_and_only_a_runbook_fills_it_again(lab):
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=lab.topology.storage_url,
        aws_access_key_id=read_secret("storage-access-key"),
        aws_secret_access_key=read_secret("storage-secret-key"),
    )
    for number in range(5):
        client.put_object(Bucket=STORAGE_BUCKET, Key=f"docker/{number}", Body=b"x")
    commands.break_fault("bucket-emptied")
    left = client.list_objects_v2(Bucket=STORAGE_BUCKET)["KeyCount"]
    client.close()
    assert left == 0
    with pytest.raises(RefusedError, match="nothing but a runbook heals it"):
        commands.heal_fault("bucket-emptied")


def test_every_replica_is_destroyed(lab):
    for node in REGISTRY_NODES[:2]:
        leave_a_replica(lab, node)
    commands.break_fault("replicas-destroyed")
    assert [registry_names(lab, node) for node in REGISTRY_NODES] == [[]] * len(REGISTRY_NODES)


def test_a_fault_of_a_machine_that_is_off_is_refused_in_words(lab):
    commands.break_fault("node-off", NODE.name)
    try:
        with pytest.raises(RefusedError, match=f"{NODE.name}: "):
            commands.break_fault("engine-stopped", NODE.name)
    finally:
        commands.heal_fault("node-off", NODE.name)


def test_a_filtered_port_keeps_other_nodes_waiting_and_not_the_operator(lab):
    asker, port = REGISTRY_NODES[0], 12376
    address = lab.topology.address(NODE)

    def tried(to: int) -> int:
        program = f"timeout 2 bash -c '</dev/tcp/{address}/{to}'"
        return int(lab.container(asker).exec_run(["sh", "-c", program])[0])

    commands.break_fault("filtered", NODE.name, str(port))
    try:
        assert (tried(port), tried(22)) == (_TIMED_OUT, 0)
        assert answers(lab, NODE, port)
    finally:
        commands.heal_fault("filtered", NODE.name, str(port))
    assert tried(port) == 0


def test_scheduling_is_off_in_the_configuration_that_everybody_reads_and_on_again(lab):
    def allowed() -> bool:
        with control_plane_settings.administrator(lab.topology) as client:
            toml = tomllib.loads(client.get("/api/ucp/config-toml").text)
        return bool(toml["scheduling_configuration"]["enable_admin_ucp_scheduling"])

    commands.break_fault("scheduling-off")
    try:
        assert not allowed()
    finally:
        commands.heal_fault("scheduling-off")
    assert allowed()


def test_the_storage_answers_after_its_faults(lab):
    client = storage.connect(lab.topology)
    with pytest.raises(client.exceptions.NoSuchBucket):  # a mistake of somebody's is no fault of the endpoint
        client.put_object(Bucket="no-such-bucket", Key="a", Body=b"x")
    client.close()
    assert storage.why_storage_not_ready(lab.topology) is None
