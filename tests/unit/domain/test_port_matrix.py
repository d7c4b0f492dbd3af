from runbook.domain.port_matrix import RULES, Path, Service, paths_between, paths_of_balancer, paths_to
from runbook.domain.topology import NodeRole, NodeSpec

MANAGER = NodeSpec("ucp1", "198.18.0.1", NodeRole.MANAGER)
SECOND = NodeSpec("ucp2", "198.18.0.2", NodeRole.MANAGER)
REGISTRY = NodeSpec("dtr1", "198.18.0.3", NodeRole.REGISTRY)
OTHER = NodeSpec("dtr2", "198.18.0.4", NodeRole.REGISTRY)


def ports(source: NodeSpec, target: NodeSpec, replica_port: int = 443) -> set[int]:
    paths = paths_between([source, target], replica_port=replica_port)
    return {path.port for path in paths if (path.source, path.target) == (source.name, target.name)}


def test_between_registry_nodes_gossip_and_calico_must_pass() -> None:
    assert ports(REGISTRY, OTHER) == {7946, 179}


def test_a_registry_node_calls_what_managers_serve_to_all_nodes() -> None:
    called = ports(REGISTRY, MANAGER)
    assert called == {2377, 7946, 6443, 179, 12379, 12381, 12382, 12385, 12388}


def test_a_manager_calls_engine_proxy_kubelet_and_registry_of_a_registry_node() -> None:
    assert ports(MANAGER, REGISTRY) == {7946, 12376, 179, 10250, 443}


def test_managers_call_each_other_on_every_port_of_the_table() -> None:
    assert ports(MANAGER, SECOND) == {rule.port for rule in RULES}


def test_a_replica_is_called_on_its_own_port() -> None:
    assert {4443} == ports(MANAGER, REGISTRY, 4443) - ports(MANAGER, REGISTRY) - {443}


def test_no_port_of_a_host_for_itself_is_tried_and_no_node_calls_itself() -> None:
    assert not {6444, 9099, 12378} & {rule.port for rule in RULES}
    assert all(path.source != path.target for path in paths_between([MANAGER, REGISTRY], replica_port=443))


def test_every_port_of_the_table_says_its_ground() -> None:
    assert all(rule.ground and rule.purpose for rule in RULES)


def test_what_stands_apart_is_called_by_each_of_its_callers() -> None:
    bucket = Service("storage", "198.18.0.9", 9000, "S3")
    assert list(paths_to(bucket, [REGISTRY, OTHER])) == [
        Path("dtr1", "storage", "198.18.0.9", 9000, "S3"),
        Path("dtr2", "storage", "198.18.0.9", 9000, "S3"),
    ]


def test_the_load_balancer_calls_both_ports_of_registry_nodes_alone() -> None:
    paths = paths_of_balancer("lb1", [MANAGER, REGISTRY], https=4443, http=8080)
    assert list(paths) == [
        Path("lb1", "dtr1", "198.18.0.3", 4443, "registry"),
        Path("lb1", "dtr1", "198.18.0.3", 8080, "registry over HTTP", vital=False),
    ]
