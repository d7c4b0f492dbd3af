from pathlib import Path

from lab.topology import (
    BALANCER,
    EVERY_MACHINE,
    MACHINES,
    MANAGER,
    NODES,
    STORAGE,
    Topology,
    machine_named,
    octets_to_try,
    prefix_of,
)


def test_two_checkouts_have_different_prefixes_and_one_keeps_its_own():
    assert prefix_of(Path("/a")) == prefix_of(Path("/a"))
    assert prefix_of(Path("/a")) != prefix_of(Path("/b"))
    assert prefix_of(Path("/a")).startswith("rrl-")
    assert len(prefix_of(Path("/a"))) == len("rrl-") + 8


def test_every_subnet_is_tried_once_beginning_where_the_prefix_says():
    octets = octets_to_try("rrl-00000002")
    assert octets[0] == 3
    assert sorted(octets) == list(range(1, 128))


def test_addresses_follow_from_the_subnet():
    topology = Topology("rrl-00000002", 7)
    assert topology.subnet == "198.18.7.0/24"
    assert topology.control_plane_url == "https://198.18.7.10"
    assert topology.external_url == "https://198.18.7.40"
    assert topology.storage_url == "http://198.18.7.60:9000"
    assert [topology.address(node) for node in NODES] == [f"198.18.7.{host}" for host in (10, 11, 12, 13, 14)]
    assert topology.container(MANAGER) == "rrl-00000002-ucp1"


def test_only_nodes_have_an_engine_and_all_but_the_storage_have_ssh():
    assert [machine.name for machine in MACHINES if machine.has_engine] == [
        "ucp1",
        "dtr1",
        "dtr2",
        "dtr3",
        "dtr4",
    ]
    assert BALANCER.has_ssh
    assert not STORAGE.has_ssh


def test_a_machine_is_found_by_its_name():
    assert machine_named("ucp1") is MANAGER
    assert machine_named("ucp9") is None


def test_further_nodes_have_hyphens_in_their_names_and_addresses_of_their_own():
    topology = Topology("rrl-00000002", 7, further=2)
    assert [node.name for node in topology.registry_nodes[4:]] == ["dtr-node-5", "dtr-node-6"]
    assert topology.nodes == (MANAGER, *topology.registry_nodes)
    assert Topology("rrl-00000002", 7).machines == MACHINES
    addresses = [topology.address(machine) for machine in EVERY_MACHINE]
    assert len(set(addresses)) == len(addresses)
