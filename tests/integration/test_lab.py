"""The lab as it stands after ``runbook lab up``."""

import ssl
from pathlib import Path

import boto3
import httpx
import paramiko
import pytest
import yaml

from lab import commands, control_plane, prefect_services
from lab.machines import find_machine
from lab.node_engines import node_engine
from lab.paths import CLUSTER_FILE, PKI
from lab.recipes import node_references
from lab.storage import REGION
from lab.topology import BALANCER, MACHINES, MANAGER, NODES, REGISTRY_NODES, STORAGE
from tests.integration.lab_machines import leave_a_replica, output_of, registry_names, ssh_to
from tests.lab_cluster import bring_up

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab():
    bring_up()
    commands.reset()
    with commands.open_lab() as lab:
        yield lab
    commands.reset()


def test_everything_is_ready(lab):
    status = commands.status()
    assert status.ready, status
    assert {machine.name for machine in MACHINES} < {part.name for part in status.parts}


def test_up_again_changes_nothing(lab):
    def ids() -> list[str]:
        return [str(find_machine(lab.client, lab.topology, machine).id) for machine in MACHINES]

    before, cluster_file = ids(), CLUSTER_FILE.stat().st_mtime_ns
    commands.up()
    assert ids() == before
    assert CLUSTER_FILE.stat().st_mtime_ns == cluster_file


@pytest.mark.parametrize("machine", [*NODES, BALANCER], ids=lambda machine: machine.name)
def test_a_machine_lets_the_operator_in_by_key_and_shows_its_pinned_host_key(lab, machine):
    with ssh_to(lab, machine) as client:
        assert output_of(client, "hostname").strip() == machine.name


def test_a_node_lets_ops_in_who_is_somebody_only_with_sudo(lab):
    with ssh_to(lab, MANAGER, "ops") as client:
        assert output_of(client, "sudo -n docker info --format '{{.Name}}'").strip() == MANAGER.name
        assert "docker" not in output_of(client, "id -Gn").split()
        assert output_of(client, "docker info >/dev/null 2>&1 || echo refused").strip() == "refused"


def test_a_machine_refuses_passwords(lab):
    with paramiko.Transport((lab.topology.address(MANAGER), 22)) as transport:
        transport.start_client(timeout=5)
        with pytest.raises(paramiko.BadAuthenticationType) as refusal:
            transport.auth_password("root", "guess")
    assert refusal.value.allowed_types == ["publickey"]


def test_one_swarm_holds_every_node_and_the_first_leads_it(lab):
    with ssh_to(lab, MANAGER) as client:
        lines = output_of(
            client, "docker node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'"
        ).splitlines()
    assert sorted(line.strip() for line in lines) == [
        "dtr1 Ready",
        "dtr2 Ready",
        "dtr3 Ready",
        "dtr4 Ready",
        "ucp1 Ready Leader",
    ]


def test_containers_on_different_nodes_reach_each_other_over_an_overlay(lab):
    with ssh_to(lab, MANAGER) as manager, ssh_to(lab, REGISTRY_NODES[0]) as node:
        output_of(manager, "docker network create -d overlay --attachable --subnet 198.19.65.0/24 probe-net")
        run = "docker run --rm --network probe-net --entrypoint"
        try:
            output_of(node, f"{run} python3 -d --name probe-server lab/dtr:2.9.29 -m http.server 8000")
            output_of(
                manager,
                f"{run} curl lab/dtr:2.9.29 -sf --retry 5 --retry-connrefused http://probe-server:8000/",
            )
        finally:
            output_of(node, "docker rm -f probe-server")
            output_of(manager, "docker network rm probe-net")


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_a_node_has_every_image_under_its_plain_name(lab, node):
    with ssh_to(lab, node) as client:
        listed = output_of(
            client, "docker images --filter dangling=false --format '{{.Repository}}:{{.Tag}}'"
        ).split()
    assert sorted(listed) == sorted(node_references())


def test_the_engines_take_no_caller_without_the_labs_certificate(lab):
    trust = ssl.create_default_context(cafile=str(PKI / "ca.pem"))
    with httpx.Client(verify=trust, trust_env=False) as client, pytest.raises(httpx.TransportError):
        client.get(f"https://{lab.topology.address(MANAGER)}:12376/_ping")


def test_the_control_plane_answers_with_the_labs_certificate(lab):
    assert control_plane.why_control_plane_not_ready(lab.topology) is None


def test_the_balancer_reloads_its_configuration(lab):
    with ssh_to(lab, BALANCER) as client:
        before = output_of(client, "cat /run/haproxy.pid")
        output_of(client, "service haproxy reload")
        assert output_of(client, "cat /run/haproxy.pid") != before
        output_of(client, "service haproxy status")


def test_the_cluster_file_leads_to_everything(lab):
    cluster = yaml.safe_load(CLUSTER_FILE.read_text())
    home = CLUSTER_FILE.parent
    secrets = [*text_with_prefix(cluster, "file:")]
    assert len(secrets) == 7
    for secret in secrets:
        assert (home / secret).stat().st_mode & 0o777 == 0o600
    vault = cluster["vault"]
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=vault["endpoint"],
        aws_access_key_id=(home / vault["access_key"].removeprefix("file:")).read_text().strip(),
        aws_secret_access_key=(home / vault["secret_key"].removeprefix("file:")).read_text().strip(),
    )
    names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    client.close()
    assert names == {"registry-storage", "registry-vault"}


def text_with_prefix(data: object, prefix: str) -> list[Path]:
    if isinstance(data, str):
        return [Path(data.removeprefix(prefix))] if data.startswith(prefix) else []
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [found for value in values for found in text_with_prefix(value, prefix)]


def test_the_worker_polls_its_pool(lab):
    assert prefect_services.why_worker_not_ready() is None
    ready = httpx.get(f"{prefect_services.api_url()}/ready", trust_env=False)
    assert ready.status_code == httpx.codes.OK


def test_a_replaced_node_joins_the_swarm_anew(lab):
    node = REGISTRY_NODES[3]
    commands.break_fault("node-off", node.name)
    find_machine(lab.client, lab.topology, node).remove()
    lab.client.volumes.get(lab.topology.container(node)).remove()
    commands.up()
    with node_engine(lab.topology, MANAGER) as manager:
        names = [item.attrs["Description"]["Hostname"] for item in manager.nodes.list()]
    assert sorted(names) == sorted(node.name for node in NODES)


def test_reset_leaves_no_registry_and_the_same_machines(lab):
    leave_a_replica(lab, REGISTRY_NODES[1])
    find_machine(lab.client, lab.topology, REGISTRY_NODES[2]).stop(timeout=20)
    with ssh_to(lab, MANAGER) as manager:
        output_of(manager, "docker network create -d overlay --attachable --subnet 198.19.64.0/24 dtr-ol")
    with ssh_to(lab, BALANCER) as balancer:
        output_of(balancer, "echo '  server dtr1 198.18.1.1:443' >> /etc/haproxy/haproxy.cfg")
    storage_before = find_machine(lab.client, lab.topology, STORAGE).id
    commands.reset()
    assert [registry_names(lab, node) for node in NODES] == [[]] * len(NODES)
    with ssh_to(lab, MANAGER) as manager:
        assert "dtr-ol" not in output_of(manager, "docker network ls --format '{{.Name}}'").split()
    with ssh_to(lab, BALANCER) as balancer:
        assert "server dtr1" not in output_of(balancer, "cat /etc/haproxy/haproxy.cfg")
    assert find_machine(lab.client, lab.topology, STORAGE).id == storage_before
    assert commands.status().ready
