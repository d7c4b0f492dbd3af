"""Registry nodes on demand come, belong to the lab, and go."""

import pytest
import yaml

from lab import commands
from lab.node_engines import node_engine
from lab.paths import CLUSTER_FILE
from lab.topology import FURTHER_NODES, MANAGER
from tests.integration.lab_machines import leave_a_replica, output_of, registry_names, ssh_to
from tests.lab_cluster import bring_up

pytestmark = pytest.mark.integration
FIRST, SECOND = FURTHER_NODES[:2]


@pytest.fixture(scope="module", autouse=True)
def four_nodes():
    bring_up()
    commands.nodes(4)
    yield
    commands.nodes(4)


def named() -> list[str]:
    return [node["name"] for node in yaml.safe_load(CLUSTER_FILE.read_text())["nodes"]]


def members() -> list[str]:
    with commands.open_lab() as lab, node_engine(lab.topology, MANAGER) as manager:
        return [item.attrs["Description"]["Hostname"] for item in manager.nodes.list()]


def test_further_nodes_are_nodes_like_the_others_until_they_are_taken_away():
    commands.nodes(6)
    assert named()[-2:] == [FIRST.name, SECOND.name]
    assert commands.status().ready
    with commands.open_lab() as lab:
        with ssh_to(lab, SECOND) as client:
            assert (
                "lab/dtr:2.10.4"
                in output_of(client, "docker images --format '{{.Repository}}:{{.Tag}}'").split()
            )
        leave_a_replica(lab, SECOND)
        commands.break_fault("node-off", FIRST.name)
        commands.reset()
        assert registry_names(lab, SECOND) == []
    assert commands.status().ready
    commands.nodes(5)
    assert named()[-1] == FIRST.name
    assert sorted(members()) == sorted(named())
    with commands.open_lab() as lab:
        volumes = [volume.name for volume in lab.client.volumes.list()]
        assert lab.topology.container(FIRST) in volumes
        assert lab.topology.container(SECOND) not in volumes
