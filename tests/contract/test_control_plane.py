"""The rules that the control plane's stand-in enforces, seen through its URL only."""

import io
import time
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.control_plane_client import ADMIN, IMAGE, PREFIX, Plane, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_is_left")]
SETTING = "/api/ucp/config-toml"


def test_it_says_that_it_is_a_stand_in(plane: Plane) -> None:
    version = plane.http.get("/version")
    assert version.json()["Version"].startswith("ucp/")
    assert "stand-in" in version.headers["Server"]
    assert "stand-in" in version.json()["Platform"]["Name"]


def test_ping_and_ca_need_no_login_and_the_rest_does(plane: Plane) -> None:
    with plane.anonymous() as http:
        assert http.get("/_ping").status_code == 200
        assert http.head("/_ping").status_code == 404
        assert "BEGIN CERTIFICATE" in http.get("/ca").text
        for path in ("/version", "/info", "/nodes", "/containers/json", "/id/", SETTING, "/enzi/v0/accounts"):
            assert http.get(path).status_code == 401, path
        assert http.post("/containers/create", json={"Image": IMAGE}).status_code == 401


def test_a_wrong_password_is_no_login(plane: Plane) -> None:
    with plane.anonymous() as http:
        answer = http.post("/auth/login", json={"username": ADMIN, "password": "wrong"})
        assert answer.status_code == 401
        assert http.get("/info", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_session_ends_with_logout(plane: Plane) -> None:
    with plane.anonymous() as http:
        login = {"username": ADMIN, "password": plane.password}
        http.headers["Authorization"] = f"Bearer {http.post('/auth/login', json=login).json()['auth_token']}"
        assert http.get("/id/").json()["name"] == ADMIN
        assert http.post("/id/logout").status_code == 200
        assert http.get("/id/").status_code == 401


def test_a_client_that_does_not_know_the_ca_refuses(plane: Plane) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{plane.url}/_ping", trust_env=False)


def test_the_identifier_of_the_cluster_stays(plane: Plane) -> None:
    first, second = (plane.http.get("/info").json()["ID"] for _ in range(2))
    assert first == second
    assert len(first.split(":")) == 12


def test_a_bundle_holds_what_a_docker_client_wants(plane: Plane) -> None:
    content = plane.http.get("/api/clientbundle").content
    names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    assert {"ca.pem", "cert.pem", "key.pem", "cert.pub", "env.sh", "env.cmd", "env.ps1"} <= names
    version = plane.cli("version", "--format", "{{.Server.Version}}")
    assert version.stdout.startswith(b"ucp/"), version.stderr


def test_users_organizations_and_teams_live_here(plane: Plane) -> None:
    accounts = "/enzi/v0/accounts"
    try:
        assert plane.http.post(accounts, json={"name": "cp-org", "isOrg": True}).status_code == 201
        assert plane.http.post(accounts, json={"name": "cp-user", "password": "secret-1"}).status_code == 201
        assert plane.http.post(accounts, json={"name": "cp-user", "password": "secret-1"}).status_code == 400
        assert plane.http.post(f"{accounts}/cp-org/teams", json={"name": "dev"}).status_code == 201
        assert plane.http.put(f"{accounts}/cp-org/teams/dev/members/cp-user", json={}).status_code == 200
        members = plane.http.get(f"{accounts}/cp-org/teams/dev/members").json()["members"]
        assert [member["member"]["name"] for member in members] == ["cp-user"]
        assert plane.http.get(f"{accounts}/cp-org/teams/dev/members/{ADMIN}").status_code == 404
        names = {account["name"] for account in plane.http.get(accounts).json()["accounts"]}
        assert {"cp-org", "cp-user", ADMIN} <= names
    finally:
        for name in ("cp-org", "cp-user"):
            plane.http.delete(f"{accounts}/{name}")
    assert plane.http.get(f"{accounts}/cp-user").status_code == 404


def test_a_user_who_is_no_administrator_deploys_and_changes_nothing(plane: Plane) -> None:
    accounts = "/enzi/v0/accounts"
    plane.http.post(accounts, json={"name": "cp-user", "password": "secret-1"})
    try:
        with plane.anonymous() as http:
            login = {"username": "cp-user", "password": "secret-1"}
            http.headers["Authorization"] = (
                f"Bearer {http.post('/auth/login', json=login).json()['auth_token']}"
            )
            assert http.get("/id/").json()["isAdmin"] is False
            assert http.post("/containers/create", json={"Image": IMAGE}).status_code == 403
            assert http.post(accounts, json={"name": "other", "password": "x"}).status_code == 403
            assert http.put(SETTING, content="").status_code == 403
    finally:
        plane.http.delete(f"{accounts}/cp-user")


def test_the_configuration_is_put_whole_and_a_broken_one_is_refused(plane: Plane) -> None:
    before = plane.http.get(SETTING).text
    entry = '\n[[registries]]\nhost_address = "registry.test"\nservice_id = "cp"\nca_bundle = "pem"\n'
    try:
        assert plane.http.put(SETTING, content=before + entry).status_code == 200
        seen = tomllib.loads(plane.http.get(SETTING).text)["registries"]
        assert {"host_address": "registry.test", "service_id": "cp", "ca_bundle": "pem"} in seen
        assert plane.http.put(SETTING, content="[broken").status_code == 400
        assert tomllib.loads(plane.http.get(SETTING).text)["registries"] == seen
    finally:
        plane.http.put(SETTING, content=before)


def test_containers_are_seen_on_all_nodes_under_the_name_of_their_node(plane: Plane) -> None:
    for node in plane.nodes():
        name = f"{PREFIX}on-{node}"
        created = plane.create(name, f"node=={node}", "true")
        assert created.status_code == 201
        found = [f"/containers/{ref}/json" for ref in (created.json()["Id"], name, f"{node}/{name}")]
        assert {plane.http.get(path).json()["Node"]["Name"] for path in found} == {node}
    assert plane.names(f"{PREFIX}on-") == sorted(f"/{node}/{PREFIX}on-{node}" for node in plane.nodes())


def test_a_constraint_does_not_reach_the_container(plane: Plane) -> None:
    _, worker = plane.nodes()
    label = {"com.docker.swarm.constraints": f'["node=={worker}"]'}
    body = {"Image": IMAGE, "Entrypoint": ["true"], "Env": ["A=1"], "Labels": label}
    created = plane.http.post("/v1.41/containers/create", params={"name": f"{PREFIX}label"}, json=body).json()
    found = plane.http.get(f"/v1.41/containers/{created['Id']}/json").json()
    assert found["Node"]["Name"] == worker
    plane.create(f"{PREFIX}env", f"node=={worker}", "true")
    env = plane.http.get(f"/containers/{PREFIX}env/json").json()["Config"]["Env"]
    assert not [entry for entry in env if entry.startswith("constraint:")]


def test_a_name_is_taken_on_every_node(plane: Plane) -> None:
    manager, worker = plane.nodes()
    name = f"{PREFIX}taken"
    assert plane.create(name, f"node=={worker}", "true").status_code == 201
    refused = plane.create(name, f"node=={manager}", "true")
    assert refused.status_code == 409
    assert "already assigned" in refused.json()["message"]


def test_of_many_that_want_one_name_at_once_one_gets_it(plane: Plane) -> None:
    nodes = plane.nodes() * 3
    with ThreadPoolExecutor(len(nodes)) as pool:
        asked = [pool.submit(plane.create, f"{PREFIX}race", f"node=={node}", "true") for node in nodes]
    assert sorted(answer.result().status_code for answer in asked) == [201] + [409] * (len(nodes) - 1)


def test_a_node_that_does_not_exist_fails_the_constraint(plane: Plane) -> None:
    refused = plane.create(f"{PREFIX}nowhere", "node==nowhere", "true")
    assert refused.status_code == 500
    expected = "Unable to find a node that satisfies the following conditions [node==nowhere]"
    assert refused.json()["message"] == expected
    assert plane.names(f"{PREFIX}nowhere") == []


def test_with_the_scheduling_setting_off_the_registry_cannot_be_deployed(plane: Plane) -> None:
    before = plane.http.get(SETTING).text
    manager, worker = plane.nodes()
    off = before.replace("enable_admin_ucp_scheduling = true", "enable_admin_ucp_scheduling = false")
    message = "could not find any nodes on which the container could be created"
    try:
        assert plane.http.put(SETTING, content=off).status_code == 200
        for name, node in ((f"{PREFIX}x", manager), ("dtr-cp-contract", worker)):
            refused = plane.create(name, f"node=={node}", "true")
            assert (refused.status_code, refused.json()["message"]) == (500, message)
    finally:
        plane.http.put(SETTING, content=before)


def test_volumes_are_made_seen_and_removed_under_the_name_of_their_node(plane: Plane) -> None:
    for node in plane.nodes():
        name = f"{node}/{PREFIX}vol-{node}"
        created = plane.http.post("/volumes/create", json={"Name": name, "Labels": {"a": "b"}})
        assert (created.status_code, created.json()["Name"]) == (201, name)
        seen = {volume["Name"]: volume for volume in plane.http.get("/volumes").json()["Volumes"]}
        assert seen[name]["Labels"] == {"a": "b"}
        assert plane.http.get(f"/volumes/{PREFIX}vol-{node}").status_code == 200
        assert plane.http.delete(f"/volumes/{name}").status_code == 204
        assert plane.http.get(f"/volumes/{name}").status_code == 404


FROZEN = 30  # seconds
FREEZE = f"""
import os, signal, time
def engines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if open("/proc/" + pid + "/comm").read().strip() == "dockerd":
            yield int(pid)
found = list(engines())
time.sleep(2)  # until the engine has answered the request that started this
[os.kill(pid, signal.SIGSTOP) for pid in found]
time.sleep({FROZEN})
[os.kill(pid, signal.SIGCONT) for pid in found]
"""


def test_an_engine_that_hangs_is_left_out_and_delays_nobody_for_long(plane: Plane) -> None:
    manager, worker = plane.nodes()
    name = f"{PREFIX}freeze"  # the container freezes the engine below it, and wakes it up again
    options = {"HostConfig": {"PidMode": "host"}}
    assert plane.create(name, f"node=={worker}", "python3", "-c", FREEZE, **options).status_code == 201
    plane.http.post(f"/containers/{name}/start").raise_for_status()
    wait_until(lambda: not plane.names(name), seconds=15)
    started = time.monotonic()
    assert plane.names(name) == []
    assert time.monotonic() - started < FROZEN / 3
    status = plane.http.get("/info").json()["SystemStatus"]
    assert ["  └ Status", "Unreachable"] in status
    assert plane.create(f"{PREFIX}there", f"node=={worker}", "true").status_code == 500
    assert plane.create(f"{PREFIX}here", f"node=={manager}", "true").status_code == 201
    wait_until(lambda: plane.names(name) == [f"/{worker}/{name}"], seconds=60)
