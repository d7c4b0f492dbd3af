"""The rules of the contract about a replica's HTTP API, storage, garbage collection and permissions."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.bootstrapper_bench import FIRST, Bench
from tests.contract.control_plane_client import Plane, wait_until
from tests.contract.registry_client import LAYER, MANIFEST, RegistryClient, digest_of

pytestmark = pytest.mark.integration
REPOSITORY = "admin/services"


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench


@pytest.fixture(scope="module")
def registry(bench: Bench) -> RegistryClient:
    node = bench.workers()[0]
    installed = bench.install(node)
    assert installed.status == 0, installed.log
    registry = bench.registry(node)
    assert registry.api("POST", "/repositories/admin", json={"name": "services"}).status_code == 201
    return registry


def test_a_push_needs_a_repository(registry: RegistryClient) -> None:
    """DOC: createRepositoryOnPush is off."""
    assert registry.v2("POST", "admin/unknown", "blobs/uploads/").status_code == 401


def test_a_pull_gives_what_was_pushed(registry: RegistryClient) -> None:
    layers = [b"one" * 100_000, b"two"]
    digest = registry.push(REPOSITORY, "same", *layers)
    assert registry.pull(REPOSITORY, "same") == layers
    assert registry.pull(REPOSITORY, digest) == layers


def test_a_manifest_needs_its_blobs(registry: RegistryClient) -> None:
    missing = {"mediaType": LAYER, "digest": digest_of(b"never pushed"), "size": 1}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": missing, "layers": []}
    answer = registry.put_manifest(REPOSITORY, "broken", manifest)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"


def test_without_a_token_there_is_a_challenge_for_this_host(registry: RegistryClient) -> None:
    """DOC: the token dance of the Docker Registry API."""
    for path in ("/v2/", f"/v2/{REPOSITORY}/manifests/same", f"/v2/{REPOSITORY}/blobs/{digest_of(b'')}"):
        answer = registry.http.get(path)
        assert answer.status_code == 401
        assert f'Bearer realm="{registry.http.base_url}/auth/token' in answer.headers["WWW-Authenticate"]


def test_a_wrong_password_gives_no_token(registry: RegistryClient) -> None:
    answer = registry.http.get("/auth/token", params={"service": "dtr"}, auth=("admin", "wrong"))
    assert answer.status_code == 401


def test_lists_come_in_pages(registry: RegistryClient) -> None:
    """DOC: pageStart, pageSize and count."""
    for number in range(3):
        registry.api("POST", "/repositories/admin", json={"name": f"page{number}"})
    seen, start = [], ""
    while True:
        query = {"pageSize": "2", "pageStart": start, "count": "true"}
        answer = registry.api("GET", "/repositories", params=query)
        seen += [row["name"] for row in answer.json()["repositories"]]
        start = answer.headers.get("X-Next-Page-Start", "")
        if not start:
            break
    assert seen == sorted(seen)
    assert len(seen) == int(answer.headers["X-Resource-Count"]) >= 4


def test_errors_of_the_api(registry: RegistryClient) -> None:
    """DOC, OBS."""
    known = registry.api("POST", "/repositories/admin", json={"name": "services"})
    assert (known.status_code, known.json()["errors"][0]["code"]) == (400, "REPOSITORY_EXISTS")
    nobody = registry.api("POST", "/repositories/nobody", json={"name": "x"})
    assert (nobody.status_code, nobody.json()["errors"][0]["code"]) == (404, "NO_SUCH_ACCOUNT")
    assert registry.api("POST", "/repositories/admin", content=b"{}").status_code == 415
    bad = registry.api("POST", "/meta/settings", json={"readOnlyRegistry": "yes"})
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (400, "INVALID_SETTINGS")


def test_read_only_mode_refuses_pushes_and_serves_pulls(registry: RegistryClient) -> None:
    """DOC: POST answers 202 and is applied later."""
    registry.push(REPOSITORY, "before", b"layer")
    assert registry.api("POST", "/meta/settings", json={"readOnlyRegistry": True}).status_code == 202
    wait_until(lambda: registry.v2("POST", REPOSITORY, "blobs/uploads/").status_code == 405, seconds=15)
    assert registry.pull(REPOSITORY, "before") == [b"layer"]
    assert registry.api("POST", "/meta/settings", json={"readOnlyRegistry": False}).status_code == 202
    wait_until(lambda: registry.v2("POST", REPOSITORY, "blobs/uploads/").status_code == 202, seconds=15)


def test_storage_settings_are_tried_before_they_are_saved(registry: RegistryClient) -> None:
    """DOC that they are validated; how, and the answer, are the stand-in's choice."""
    s3 = {"bucket": "b", "region": "us-east-1", "regionendpoint": "http://198.18.0.1:9", "secure": False}
    before = registry.api("GET", "/admin/settings/registry").json()
    for settings in ({"s3": s3}, {"s3": {"region": "x"}}, {}):
        answer = registry.api("PUT", "/admin/settings/registry/simple", json={"storage": settings})
        assert answer.status_code == 400
    assert registry.api("GET", "/admin/settings/registry").json() == before


def test_rule_15_garbage_collection_deletes_what_no_manifest_needs(registry: RegistryClient) -> None:
    """DOC."""
    registry.push(REPOSITORY, "kept", b"a layer that stays")
    digest = registry.push(REPOSITORY, "doomed", b"a layer that goes")
    assert registry.api("DELETE", f"/repositories/{REPOSITORY}/tags/doomed").status_code == 204
    assert registry.pull(REPOSITORY, digest) == [b"a layer that goes"]
    assert registry.run_job("onlinegc") == "done"
    assert registry.v2("GET", REPOSITORY, f"manifests/{digest}").status_code == 404
    assert registry.v2("GET", REPOSITORY, f"blobs/{digest_of(b'a layer that goes')}").status_code == 404
    assert registry.pull(REPOSITORY, "kept") == [b"a layer that stays"]


def test_rule_15_garbage_collection_is_a_cron_that_can_be_taken_away_and_put_back(
    registry: RegistryClient,
) -> None:
    """DOC of the API; that deleting the cron stops it is an inference."""
    crons = {cron["action"]: cron for cron in registry.api("GET", "/crons").json()["crons"]}
    limits = {"deadline": "3h", "stopTimeout": "5m", "retries": 2, "capacityMap": {"onlinegc": 1}}
    limited = {**crons["onlinegc"], **limits, "parameters": {"verbose": "1"}}
    del limited["id"]
    for _ in range(2):
        assert registry.api("POST", "/crons", json=limited).status_code == 202
        assert registry.api("GET", "/crons/onlinegc").json().items() >= limited.items()
        assert registry.api("DELETE", "/crons/onlinegc").status_code == 204
        assert registry.api("GET", "/crons/onlinegc").status_code == 404
    schedule = {"action": "onlinegc", "schedule": limited["schedule"]}
    assert registry.api("POST", "/crons", json=schedule).status_code == 202
    assert registry.api("GET", "/crons/onlinegc").json()["deadline"] == ""
    assert registry.api("POST", "/crons", json={"action": "onlinegc", "schedule": "never"}).status_code == 400


def test_a_cron_runs_by_itself(registry: RegistryClient) -> None:
    """DOC: six fields, seconds first."""
    registry.api("POST", "/crons", json={"action": "false", "schedule": "* * * * * *"})

    def ran() -> bool:
        jobs = registry.api("GET", "/jobs", params={"action": "false"}).json()["jobs"]
        return any(job["status"] == "error" for job in jobs)

    try:
        wait_until(ran, seconds=40)
    finally:
        registry.api("DELETE", "/crons/false")


def test_teams_get_the_access_that_they_were_given(bench: Bench, registry: RegistryClient) -> None:
    """DOC in principle; the paths are those of the API reference."""
    accounts = "/enzi/v0/accounts"
    http = bench.plane.http
    http.post(accounts, json={"name": "contract-org", "isOrg": True})
    http.post(accounts, json={"name": "contract-user", "password": "contract-password"})
    http.post(f"{accounts}/contract-org/teams", json={"name": "readers"})
    http.put(f"{accounts}/contract-org/teams/readers/members/contract-user", json={}).raise_for_status()
    registry.api("POST", "/repositories/contract-org", json={"name": "app"})
    user = RegistryClient(registry.http, "contract-user", "contract-password")
    try:
        assert user.api("GET", "/repositories/contract-org/app").status_code == 404
        path = "/repositories/contract-org/app/teamAccess/readers"
        assert registry.api("PUT", path, json={"accessLevel": "read-only"}).status_code == 200
        assert registry.api("GET", path).json()["accessLevel"] == "read-only"
        assert user.api("GET", "/repositories/contract-org/app").status_code == 200
        assert _granted(user, "contract-org/app") == ["pull"]
        assert user.api("GET", "/meta/cluster_status").status_code == 403
    finally:
        for name in ("contract-org", "contract-user"):
            http.delete(f"{accounts}/{name}")


def _granted(client: RegistryClient, repository: str) -> list[str]:
    token = client.token(f"repository:{repository}:pull,push").raise_for_status().json()["token"]
    claims = json.loads(_unpadded(token.split(".")[1]))
    return [action for entry in claims["access"] for action in entry["actions"]]


def _unpadded(text: str) -> bytes:

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_certificate_is_valid_for_every_node(bench: Bench, registry: RegistryClient) -> None:
    assert registry.http.get("/ca").text.startswith("-----BEGIN CERTIFICATE-----")
    assert FIRST in registry.api("GET", "/meta/settings").json()["replicaSettings"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{registry.http.base_url}/_ping", trust_env=False)
    assert bench.registry(bench.workers()[0]).status() == 200
