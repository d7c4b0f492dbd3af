"""The oldest version that the lab plays, from its install to its restore, and what differs in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.bootstrapper_bench import FIRST, OLD_IMAGE, SECOND, Bench
from tests.contract.control_plane_client import Plane, wait_until
from tests.contract.registry_client import RegistryClient

pytestmark = pytest.mark.integration
REPOSITORY = "admin/old"
OLD = "2.4.1"


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    lab_cluster.reset()
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench
    lab_cluster.reset()


def old(bench: Bench, command: str, *arguments: str, stdin: bytes = b"") -> Any:
    done = bench.boot(command, *arguments, stdin=stdin, image=OLD_IMAGE)
    assert done.status == 0, done.log
    return done


@pytest.fixture(scope="module")
def registry(bench: Bench, lab_cluster: Any) -> RegistryClient:
    """A replica of 2.4.1 whose images are in the lab's bucket."""
    node = bench.workers()[0]
    old(bench, "install", "--ucp-node", node, "--replica-id", FIRST, "--overlay-subnet", "198.19.64.0/24")
    registry = bench.registry(node)
    assert registry.api("POST", "/repositories/admin", json={"name": "old"}).status_code == 201
    return registry


def bucket(lab_cluster: Any) -> dict[str, Any]:
    """Return the lab's bucket as the storage API takes it."""
    s3 = lab_cluster.settings.storage.s3
    keys = {
        name: (lab_cluster.file.parent / getattr(s3, name).removeprefix("file:")).read_text().strip()
        for name in ("access_key", "secret_key")
    }
    place = {"bucket": s3.bucket, "region": s3.region, "regionendpoint": s3.endpoint, "rootdirectory": ""}
    return {"storage": {"s3": place | {name.replace("_", ""): key for name, key in keys.items()}}}


def test_2_4_says_of_itself_what_it_is(bench: Bench, registry: RegistryClient) -> None:
    """OBS: `/health` of 2.4, `admin/version`; DOC: `/_ping`, no online garbage collection and no tokens before 2.5."""
    assert registry.http.get("/health").json() == {"error": "", "healthy": True}
    assert registry.status() == 200
    assert registry.api("GET", "/admin/version").json() == {"version": OLD}
    assert registry.api("GET", "/meta/features").json()["onlineGCEnabled"] is False
    assert registry.api("GET", "/api_tokens").status_code == 404
    images = {container["Image"] for container in bench.containers().values()}
    assert {image.split(":")[1] for image in images} == {OLD}


def test_2_4_collects_garbage_offline_alone(registry: RegistryClient) -> None:
    """DOC: the jobs of online garbage collection came with it."""
    assert [cron["action"] for cron in registry.api("GET", "/crons").json()["crons"]] == ["gc"]
    assert registry.run_job("gc") == "done"
    assert registry.api("POST", "/jobs", json={"action": "onlinegc"}).status_code == 400


def test_2_4_has_no_flags_of_later_versions(bench: Bench) -> None:
    """DOC: `--nocolor` since 2.9, `--dtr-use-default-storage` since 2.6."""
    for command, flag in (("backup", "--nocolor"), ("restore", "--dtr-use-default-storage")):
        refused = bench.boot(command, flag, image=OLD_IMAGE)
        assert refused.status != 0
        assert flag in refused.last


def test_2_4_comes_back_from_its_backup_without_a_storage_flag(
    bench: Bench, registry: RegistryClient, lab_cluster: Any
) -> None:
    """DOC: the storage flag is mandatory since 2.6.0; the archive's root names the version."""
    node, other = bench.workers()[:2]
    switched = registry.api("PUT", "/admin/settings/registry/simple", json=bucket(lab_cluster))
    assert switched.status_code < 300, switched.text
    digest = registry.push(REPOSITORY, "kept", b"layer of an old registry")
    backup = old(bench, "backup", "--existing-replica-id", FIRST).stdout
    assert backup.startswith(b"dtr-backup-v2.4.1/")
    old(bench, "destroy", "--replica-id", FIRST)
    old(bench, "restore", "--replica-id", FIRST, "--ucp-node", node, stdin=backup)
    restored = bench.registry(node)
    assert restored.pull(REPOSITORY, digest) == [b"layer of an old registry"]
    joined = old(bench, "join", "--ucp-node", other, "--replica-id", SECOND, "--existing-replica-id", FIRST)
    assert "There are currently 2 replicas in your DTR cluster" in joined.log
    assert bench.registry(other).pull(REPOSITORY, "kept") == [b"layer of an old registry"]


def test_2_4_rebuilds_its_tags_when_its_images_move(bench: Bench, lab_cluster: Any) -> None:
    """DOC: up to 2.4 a job `tagmigration` rebuilds the tags from the new storage."""
    registry = bench.registry(bench.workers()[0])
    elsewhere = bucket(lab_cluster)
    elsewhere["storage"]["s3"]["rootdirectory"] = "/elsewhere"
    assert registry.api("PUT", "/admin/settings/registry/simple", json=elsewhere).status_code < 300

    def ended() -> bool:
        jobs = registry.api("GET", "/jobs", params={"action": "tagmigration"}).json()["jobs"]
        return bool(jobs) and jobs[0]["status"] == "done"

    wait_until(ended, seconds=30)
    assert registry.api("GET", f"/repositories/{REPOSITORY}/tags").json() == []
