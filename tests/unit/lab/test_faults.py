import docker
import pytest

from lab.faults import FAULTS, Lab, choose, strike
from lab.paths import ROOT
from lab.topology import FURTHER_NODES, MANAGER, REGISTRY_NODES, STORAGE, Topology
from runbook.domain.errors import InvalidConfigError


def test_a_fault_without_a_node_hits_what_it_is_for():
    assert choose("control-plane-down", ()) == (MANAGER,)
    assert choose("replicas-destroyed", ()) == REGISTRY_NODES
    assert choose("bucket-emptied", ()) == (STORAGE,)


def test_a_fault_of_a_node_wants_one_that_can_have_it():
    assert [machine.name for machine in choose("node-off", ("dtr2", "ucp1"))] == ["dtr2", "ucp1"]
    for nodes in ((), ("s3",), ("dtr2", "dtr9")):
        with pytest.raises(InvalidConfigError, match="name one or more of ucp1, dtr1"):
            choose("node-off", nodes)


def test_a_further_node_can_have_a_fault_as_long_as_the_lab_has_it():
    larger = Topology("rrl-00000002", 7, further=1).machines
    assert choose("node-off", ("dtr-node-5",), larger) == FURTHER_NODES[:1]
    assert choose("replicas-destroyed", (), larger) == (*REGISTRY_NODES, FURTHER_NODES[0])
    for nodes in (("dtr-node-5",), ("dtr-node-6",)):
        with pytest.raises(InvalidConfigError, match="name one or more of ucp1, dtr1"):
            choose("node-off", nodes)


@pytest.mark.parametrize("what", [("filtered", "dtr2"), ("filtered", "12376"), ("node-off", "dtr2", "12376")])
def test_a_port_is_named_where_the_fault_has_one_and_only_there(what):
    lab = Lab(docker.DockerClient("tcp://198.18.7.1:1", version="1.41"), Topology("rrl-00000002", 7))
    with pytest.raises(InvalidConfigError, match="given"):
        strike(lab, what[0], what[1:])


def test_an_unknown_fault_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidConfigError, match="choose one of node-off"):
        choose("earthquake", ())


def test_only_what_a_runbook_must_heal_has_no_heal():
    assert {name for name, fault in FAULTS.items() if fault.heal is None} == {
        "bucket-emptied",
        "replicas-destroyed",
    }


def test_every_fault_is_in_the_operator_page():
    page = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"| `{name}" not in page] == []
