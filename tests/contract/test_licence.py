"""The rules of the contract about a registry without a licence."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab import commands
from tests.contract.bootstrapper_bench import Bench
from tests.contract.control_plane_client import Plane, wait_until
from tests.contract.registry_client import CONFIG, MANIFEST, RegistryClient

pytestmark = pytest.mark.integration
REPOSITORY = "admin/licence"
ROW = "/dtr2/properties/license"
REFUSED = 402


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench


@pytest.fixture(scope="module")
def registry(bench: Bench) -> RegistryClient:
    installed = bench.install(bench.workers()[0])
    assert installed.status == 0, installed.log
    registry = bench.registry(bench.workers()[0])
    assert registry.api("POST", "/repositories/admin", json={"name": "licence"}).status_code == 201
    return registry


def begin_a_push(registry: RegistryClient) -> int:
    return registry.v2("POST", REPOSITORY, "blobs/uploads/").status_code


def test_without_a_licence_a_push_is_answered_with_402_and_a_pull_is_not(
    plane: Plane, registry: RegistryClient
) -> None:
    """OBS: HTTP 402 with the plain text `DTR doesn't have a license`."""
    digest = registry.push(REPOSITORY, "before", b"layer")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG}, "layers": []}
    commands.break_fault("no-licence")
    try:
        assert plane.http.get("/api/config/license").json() == {}
        wait_until(
            lambda: begin_a_push(registry) == REFUSED, seconds=20
        )  # the nginx before it may still answer
        for answer in (
            registry.v2("POST", REPOSITORY, "blobs/uploads/"),
            registry.put_manifest(REPOSITORY, "during", manifest),
        ):
            assert (answer.status_code, answer.text) == (REFUSED, "DTR doesn't have a license")
            assert answer.headers["Content-Type"].startswith("text/plain")
        assert registry.pull(REPOSITORY, digest) == [b"layer"]
        assert registry.status() == 200
    finally:
        commands.heal_fault("no-licence")
    assert plane.http.get("/api/config/license").raise_for_status().json()
    wait_until(lambda: begin_a_push(registry) != REFUSED, seconds=20)
    registry.push(REPOSITORY, "after", b"layer")


def test_an_install_that_found_no_licence_leaves_one_that_is_empty(
    bench: Bench, registry: RegistryClient
) -> None:
    """The stand-in chooses: a row that is missing says that nobody looked, and forbids nothing."""
    node = bench.workers()[0]
    bench.database(node, "put", ROW, json.dumps({"key": "license", "value": {}}))
    wait_until(lambda: begin_a_push(registry) == REFUSED, seconds=20)
    bench.database(node, "del", ROW)
    wait_until(lambda: begin_a_push(registry) != REFUSED, seconds=20)
