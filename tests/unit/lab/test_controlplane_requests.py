"""How the control plane's stand-in reads requests, references and constraints."""

import pytest
from controlplane.config_toml import DEFAULT, why_invalid
from controlplane.engines import Node
from controlplane.routing import split_container_path
from controlplane.scheduling import allowed, fulfilling, take_constraints
from controlplane.wire import Head, HttpError, Request

NODES = (
    Node("ucp1", "198.18.1.10", is_manager=True),
    Node("dtr-1", "198.18.1.11"),
    Node("dtr-2", "198.18.1.12"),
)


def names(nodes: list[Node]) -> list[str]:
    return [node.name for node in nodes]


def test_a_request_keeps_the_version_that_the_client_speaks() -> None:
    request = Request.parse(Head("GET /v1.41/containers/dtr-1%2Fapi/json?size=1&a=b%20c HTTP/1.1", ()))
    assert (request.prefix, request.path) == ("/v1.41", "/containers/dtr-1/api/json")
    assert request.target("/containers/an api/json") == "/v1.41/containers/an%20api/json?size=1&a=b+c"


def test_a_path_that_only_looks_like_a_version_is_none() -> None:
    assert Request.parse(Head("GET /volumes HTTP/1.1", ())).path == "/volumes"


def test_a_malformed_request_line_is_refused() -> None:
    with pytest.raises(HttpError):
        Request.parse(Head("nonsense", ()))


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("api/json", ("api", "json")),
        ("dtr-1/api/json", ("dtr-1/api", "json")),
        ("dtr-1/api", ("dtr-1/api", "")),
        ("api", ("api", "")),
        ("dtr-1/json/json", ("dtr-1/json", "json")),
        ("dtr-1/api/attach/ws", ("dtr-1/api", "attach/ws")),
    ],
)
def test_a_container_path_is_a_reference_and_an_action(rest: str, expected: tuple[str, str]) -> None:
    assert split_container_path(rest) == expected


def test_constraints_come_from_the_environment_and_from_a_label_and_leave_it() -> None:
    body = {
        "Env": ["A=1", "constraint:node==dtr-1"],
        "Labels": {"com.docker.swarm.constraints": '["node!=ucp1"]'},
    }
    assert take_constraints(body) == ["node==dtr-1", "node!=ucp1"]
    assert body["Env"] == ["A=1"]


def test_constraints_that_are_not_json_are_the_client_s_fault() -> None:
    with pytest.raises(HttpError) as refused:
        take_constraints({"Labels": {"com.docker.swarm.constraints": "node==a"}})
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ([], ["ucp1", "dtr-1", "dtr-2"]),
        (["node==dtr-1"], ["dtr-1"]),
        (["node!=dtr-1"], ["ucp1", "dtr-2"]),
        (["node!=dtr-1", "node!=ucp1"], ["dtr-2"]),
    ],
)
def test_a_container_goes_where_all_constraints_hold(constraints: list[str], expected: list[str]) -> None:
    assert names(fulfilling(NODES, constraints)) == expected


def test_constraints_that_no_node_fulfils_are_named_in_the_error() -> None:
    with pytest.raises(HttpError, match=r"following conditions \[node==x node!=y\]"):
        fulfilling(NODES, ["node==x", "node!=y"])


def test_with_the_setting_off_managers_and_registry_nodes_take_no_containers() -> None:
    held = {"ucp1": [], "dtr-1": ["dtr-api-0123456789ab"], "dtr-2": ["other"]}
    assert names(allowed(NODES, "other", held)) == ["dtr-2"]
    assert allowed(NODES, "dtr-phase2", held) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (DEFAULT, None),
        (DEFAULT + '[[registries]]\nhost_address = "a"\n', None),
        ("[broken", "not TOML"),
        ("registries = 1", "registries: should be tables"),
        ("[[registries]]\nca_bundle = 1", "registries/0/ca_bundle"),
        ("[scheduling_configuration]\nenable_admin_ucp_scheduling = 'yes'", "should be true or false"),
    ],
)
def test_a_configuration_is_checked_before_it_is_kept(text: str, problem: str | None) -> None:
    found = why_invalid(text)
    assert found == problem if problem is None else problem in str(found)
