"""The rules of the contract about clusters that grow, break, are destroyed and restored."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.bootstrapper_bench import FIRST, OLD_IMAGE, SECOND, THIRD, Bench
from tests.contract.control_plane_client import Plane, wait_until

pytestmark = pytest.mark.integration
REPOSITORY = "admin/app"
LAYERS = (b"first layer" * 1000, b"second layer" * 1000)
DEFAULT_STORAGE = "--dtr-use-default-storage"
ACCOUNTS, ORGANIZATION = "/enzi/v0/accounts", "contract-gone"


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench


@dataclass(frozen=True)
class Saved:
    """A cluster of one replica, an image in it, and a backup of both."""

    nodes: list[str]
    digest: str
    archive: bytes


@pytest.fixture(scope="module")
def saved(bench: Bench) -> Saved:
    nodes = bench.workers()
    installed = bench.install(nodes[0])
    assert installed.status == 0, installed.log
    registry = bench.registry(nodes[0])
    assert registry.api("POST", "/repositories/admin", json={"name": "app"}).status_code == 201
    bench.plane.http.post(ACCOUNTS, json={"name": ORGANIZATION, "isOrg": True})
    assert registry.api("POST", f"/repositories/{ORGANIZATION}", json={"name": "app"}).status_code == 201
    digest = registry.push(REPOSITORY, "1", *LAYERS)
    backup = bench.boot("backup", "--existing-replica-id", FIRST)
    assert backup.status == 0, backup.log
    return Saved(nodes, digest, backup.stdout)


def _restore(bench: Bench, saved: Saved, *flags: str, archive: bytes | None = None, image: str = "") -> Any:
    arguments = ("--ucp-node", saved.nodes[0], "--replica-id", FIRST, *flags)
    chosen = {"image": image} if image else {}
    return bench.boot("restore", *arguments, stdin=archive or saved.archive, **chosen)


def test_rule_7_restore_needs_exactly_one_storage_flag(bench: Bench, saved: Saved) -> None:
    """DOC."""
    for flags in ((), (DEFAULT_STORAGE, "--dtr-storage-volume", "images")):
        done = _restore(bench, saved, *flags)
        assert done.status != 0
        assert "exactly one of --dtr-use-default-storage" in done.last


def test_rule_6_restore_never_prompts(bench: Bench, saved: Saved) -> None:
    """OBS."""
    place = ("--ucp-node", saved.nodes[0], "--replica-id", FIRST, DEFAULT_STORAGE)
    done = bench.run(
        "restore", "--ucp-url", bench.plane.url, "--ucp-insecure-tls", *place, stdin=saved.archive
    )
    assert done.status != 0
    assert "--ucp-username, --ucp-password: EOF unexpected end of file" in done.last


def test_rule_8_restore_refuses_a_backup_of_another_minor(bench: Bench, saved: Saved) -> None:
    """Support is DOC; the stand-in chooses to refuse."""
    done = _restore(bench, saved, image=OLD_IMAGE)
    assert done.status != 0
    assert "The backup is of version 2.9.29 but this is 2.4.1" in done.last


def test_rule_9_restore_does_not_replace_a_replica_that_is_there(bench: Bench, saved: Saved) -> None:
    """DOC that it must be destroyed first; the stand-in chooses to refuse the same ID."""
    done = _restore(bench, saved, DEFAULT_STORAGE)
    assert done.status != 0
    assert f"Replica {FIRST} still exists" in done.last


def test_rule_22_join_ends_with_the_count_and_a_warning_when_it_is_even(bench: Bench, saved: Saved) -> None:
    """OBS."""
    done = bench.join(saved.nodes[1], SECOND)
    assert done.status == 0, done.log
    assert "Starting overlay network test" in done.log
    assert "Overlay networking test passed." in done.log
    assert f"Transferring data to new replica: {SECOND}" in done.log
    assert "Database successfully copied" in done.log
    assert "There are currently 2 replicas in your Docker Trusted Registry cluster" in done.log
    assert "You currently have an even number of replicas which can impact cluster availability" in done.log


def test_rule_19_an_unhealthy_cluster_takes_no_replica(bench: Bench, saved: Saved) -> None:
    """DOC."""
    sick = f"{saved.nodes[1]}/dtr-garant-{SECOND}"
    bench.plane.http.post(f"/containers/{sick}/stop", params={"t": "0"}).raise_for_status()
    done = bench.join(saved.nodes[2], THIRD)
    bench.plane.http.post(f"/containers/{sick}/start").raise_for_status()
    assert done.status != 0
    assert "The cluster is unhealthy, refusing to join" in done.last
    assert SECOND in done.last


def test_rule_22_an_odd_number_ends_without_the_warning(bench: Bench, saved: Saved) -> None:
    """OBS."""
    wait_until(lambda: bench.registry(saved.nodes[1]).status() == 200, seconds=30)
    _wait_for_lock(bench, saved)
    done = bench.join(saved.nodes[2], THIRD)
    assert done.status == 0, done.log
    assert done.last.endswith("There are currently 3 replicas in your Docker Trusted Registry cluster")


def _wait_for_lock(bench: Bench, saved: Saved) -> None:
    """A failed join keeps the lock until its lease ends."""
    wait_until(lambda: bench.database(saved.nodes[0], "get", "/locks/operation") == "", seconds=30)


def test_rule_28_ping_is_open_and_cluster_status_is_for_administrators(bench: Bench, saved: Saved) -> None:
    """DOC."""
    registry = bench.registry(saved.nodes[2])
    assert registry.http.get("/_ping").json() == {"Error": "", "Healthy": True}
    assert registry.http.get("/api/v0/meta/cluster_status").status_code == 401
    well = {FIRST: "OK", SECOND: "OK", THIRD: "OK"}
    wait_until(
        lambda: registry.api("GET", "/meta/cluster_status").json()["replica_health"] == well, seconds=30
    )
    status = registry.api("GET", "/meta/cluster_status").json()
    assert sorted(status["replica_timestamp"]) == [FIRST, SECOND, THIRD]
    assert status["rethink_system_tables"]["current_issues"] == []
    settings = registry.api("GET", "/meta/settings").json()
    assert settings["replicaID"] == THIRD
    assert {name: each["node"] for name, each in settings["replicaSettings"].items()} == dict(
        zip((FIRST, SECOND, THIRD), saved.nodes, strict=False)
    )


def test_rule_25_destroy_acts_on_one_replica_and_the_others_still_believe_in_it(
    bench: Bench, saved: Saved
) -> None:
    """DOC; that the image volume goes is an inference."""
    done = bench.boot("destroy", "--replica-id", THIRD)
    assert done.status == 0, done.log
    assert done.last.endswith("Replica removed.")
    assert not [name for name in (*bench.containers(), *bench.volumes()) if THIRD in name]
    registry = bench.registry(saved.nodes[0])
    assert registry.status() == 200
    status = registry.api("GET", "/meta/cluster_status").json()
    assert THIRD in status["replica_health"]
    assert f"dtr_rethinkdb_{THIRD}" in status["rethink_system_tables"]["current_issues"][0]["description"]


def test_rule_25_destroy_refuses_a_replica_of_which_nothing_is_left(bench: Bench, saved: Saved) -> None:
    """The stand-in chooses."""
    done = bench.boot("destroy", "--replica-id", THIRD)
    assert done.status != 0
    assert saved.nodes
    assert FIRST in done.last


def test_rule_26_without_a_majority_nothing_works(bench: Bench, saved: Saved) -> None:
    """DOC; of backup an inference."""
    assert bench.boot("destroy", "--replica-id", SECOND).status == 0
    registry = bench.registry(saved.nodes[0])
    wait_until(lambda: registry.status() == 503, seconds=20)
    assert "rethinkdb" in registry.http.get("/_ping").json()["Error"]
    assert registry.token(f"repository:{REPOSITORY}:pull").status_code == 500
    for arguments in (("backup",), ("join", "--ucp-node", saved.nodes[1])):
        done = bench.boot(*arguments, "--existing-replica-id", FIRST)
        assert done.status != 0
        assert "rethinkdb" in done.last
        assert done.stdout == b""


def test_rule_9_restore_builds_a_cluster_of_one_replica_with_that_id(bench: Bench, saved: Saved) -> None:
    """DOC."""
    assert bench.boot("destroy", "--replica-id", FIRST).status == 0
    assert not bench.containers()
    bench.plane.http.delete(f"{ACCOUNTS}/{ORGANIZATION}").raise_for_status()
    done = _restore(bench, saved, DEFAULT_STORAGE)
    assert done.status == 0, done.log
    settings = bench.registry(saved.nodes[0]).api("GET", "/meta/settings").json()
    assert list(settings["replicaSettings"]) == [FIRST]


def test_rule_10_a_repository_whose_owner_the_control_plane_does_not_know_is_orphaned(
    bench: Bench, saved: Saved
) -> None:
    """DOC; that it is still listed, and the error's code, are the stand-in's choice."""
    registry = bench.registry(saved.nodes[0])
    listed = registry.api("GET", f"/repositories/{ORGANIZATION}").json()["repositories"]
    assert [repository["name"] for repository in listed] == ["app"]
    refused = registry.api("POST", f"/repositories/{ORGANIZATION}", json={"name": "other"})
    assert refused.status_code == 404
    assert refused.json()["errors"][0]["code"] == "NO_SUCH_ACCOUNT"


def test_rule_14_metadata_without_blobs_lists_tags_but_pulls_fail(bench: Bench, saved: Saved) -> None:
    """DOC, OBS. The images were in the local volume, which destroy took."""
    registry = bench.registry(saved.nodes[0])
    tags = registry.api("GET", f"/repositories/{REPOSITORY}/tags").json()
    assert [(tag["name"], tag["digest"]) for tag in tags] == [("1", saved.digest)]
    manifest = registry.v2("GET", REPOSITORY, f"manifests/{saved.digest}").json()
    layer = manifest["layers"][0]["digest"]
    assert registry.v2("GET", REPOSITORY, f"blobs/{layer}").status_code == 404


def test_blobs_that_come_back_can_be_pulled_by_digest(bench: Bench, saved: Saved) -> None:
    """DOC in principle: blobs and metadata are restored as a pair."""
    registry = bench.registry(saved.nodes[0])
    for layer in LAYERS:
        registry.push_blob(REPOSITORY, layer)
    assert registry.pull(REPOSITORY, saved.digest) == list(LAYERS)


def test_a_truncated_backup_is_refused_before_anything_is_installed(bench: Bench, saved: Saved) -> None:
    """The stand-in chooses."""
    bench.clean()
    half = saved.archive[: len(saved.archive) // 2]
    done = _restore(bench, saved, DEFAULT_STORAGE, archive=half)
    assert done.status != 0
    assert "unexpected EOF" in done.last
    assert not bench.containers()
    assert not bench.volumes()


def test_an_archive_that_is_no_backup_is_refused(bench: Bench, saved: Saved) -> None:
    """The stand-in chooses."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("holiday.jpg"))
    for content, why in (
        (buffer.getvalue(), "is no DTR backup"),
        (b"x" * 1024, "is no tar archive"),
        (b"x", "EOF"),
    ):
        done = _restore(bench, saved, DEFAULT_STORAGE, archive=content)
        assert done.status != 0
        assert why in done.last
