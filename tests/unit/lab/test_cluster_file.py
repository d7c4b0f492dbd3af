from dataclasses import replace

import pytest
from pyrage import x25519

from lab import cluster_file
from lab.ssh_keys import host_key, make_ssh_keys
from lab.topology import Topology

TOPOLOGY = Topology("rrl-00000002", 7)


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    make_ssh_keys(TOPOLOGY, tmp_path)
    recipient = str(x25519.Identity.generate().to_public())
    monkeypatch.setattr(cluster_file, "host_key", lambda machine: host_key(machine, tmp_path))
    monkeypatch.setattr(cluster_file, "age_recipient", lambda: recipient)
    return cluster_file.cluster_of(TOPOLOGY)


def test_further_nodes_are_listed_while_the_lab_has_them(cluster):
    larger = cluster_file.cluster_of(replace(TOPOLOGY, further=2))["nodes"]
    assert larger[: len(cluster["nodes"])] == cluster["nodes"]
    assert [node["name"] for node in larger[len(cluster["nodes"]) :]] == ["dtr-node-5", "dtr-node-6"]


def test_nodes_have_their_role_address_and_pinned_key(cluster):
    assert [(node["name"], node["role"]) for node in cluster["nodes"]] == [
        ("ucp1", "manager"),
        *((f"dtr{number}", "registry") for number in (1, 2, 3, 4)),
    ]
    assert cluster["nodes"][0]["address"] == "198.18.7.10"
    assert all(node["host_key"].startswith("ssh-ed25519 AAAA") for node in cluster["nodes"])


def test_no_secret_stands_in_the_file(cluster):
    accounts = (cluster["storage"]["s3"], cluster["vault"])
    references = [account[key] for account in accounts for key in ("access_key", "secret_key")]
    references += [cluster["control_plane"]["password"], cluster["ssh"]["key"], cluster["vault"]["identity"]]
    assert all(reference.startswith("file:") for reference in references)


def test_writing_it_again_leaves_it_untouched(cluster, tmp_path):
    path = tmp_path / "lab" / "cluster.yaml"
    cluster_file.write_cluster_file(TOPOLOGY, path)
    before = path.stat().st_mtime_ns
    cluster_file.write_cluster_file(TOPOLOGY, path)
    assert path.stat().st_mtime_ns == before
