"""The rules of the contract about clusters that grow, shrink, change, are upgraded and repaired.

One cluster lives through all of them, in the order of the file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.bootstrapper_bench import (
    FIRST,
    FOURTH,
    IMAGE,
    NEXT_IMAGE,
    NEXT_VERSION,
    SECOND,
    THIRD,
    VERSION,
    Bench,
)
from tests.contract.control_plane_client import Plane, wait_until

pytestmark = pytest.mark.integration
REPOSITORY = "admin/app"
LAYER = b"a layer" * 1000
OWN_PORT = 4443
THROUGH_FIRST = ("--existing-replica-id", FIRST)
WEB_SERVER = {
    "HostConfig": {"PortBindings": {"443/tcp": [{"HostPort": "443"}]}},
    "ExposedPorts": {"443/tcp": {}},
}


@pytest.fixture(scope="module")
def bench(plane: Plane, lab_cluster: Any) -> Iterator[Bench]:
    with Bench.opened(plane, lab_cluster.manager_docker) as bench:
        yield bench


@dataclass(frozen=True)
class Standing:
    """A cluster that began with one replica and one image."""

    bench: Bench
    nodes: list[str]
    digest: str

    def settings(self) -> dict[str, Any]:
        """Return the settings as the first replica tells them."""
        answer = self.bench.registry(self.nodes[0]).api("GET", "/meta/settings")
        return dict(answer.raise_for_status().json())

    def replicas(self) -> list[str]:
        """Return the replicas that the cluster knows."""
        return sorted(self.settings()["replicaSettings"])

    def members(self) -> dict[str, str]:
        """Return the members of the database by replica, with their identifiers."""
        seen = json.loads(self.bench.database(self.nodes[0], "member", "list", "-w", "json"))
        return {each["peerURLs"][0].split("-")[-1][:12]: f"{each['ID']:x}" for each in seen["members"]}

    def tags(self) -> list[str]:
        """Return the digests that the repository's tags name."""
        path = f"/repositories/{REPOSITORY}/tags"
        answer = self.bench.registry(self.nodes[0]).api("GET", path).raise_for_status()
        return [tag["digest"] for tag in answer.json()]


@pytest.fixture(scope="module")
def standing(bench: Bench) -> Standing:
    nodes = bench.workers()
    installed = bench.install(nodes[0])
    assert installed.status == 0, installed.log
    registry = bench.registry(nodes[0])
    assert registry.api("POST", "/repositories/admin", json={"name": "app"}).status_code == 201
    return Standing(bench, nodes, registry.push(REPOSITORY, "1", LAYER))


def test_rule_21_another_port_cures_a_busy_one(bench: Bench, standing: Standing) -> None:
    """DOC."""
    with bench.occupied(standing.nodes[1], "cp-contract-web", **WEB_SERVER):
        done = bench.join(standing.nodes[1], SECOND, "--replica-https-port", str(OWN_PORT))
        assert done.status == 0, done.log
    assert bench.registry(standing.nodes[1], OWN_PORT).status() == 200
    assert standing.settings()["replicaSettings"][SECOND]["HTTPSPort"] == OWN_PORT


def test_rule_20_a_join_that_dies_leaves_a_lock_and_a_half_made_replica(
    bench: Bench, standing: Standing
) -> None:
    """The lock is in the release notes; what is left of the replica is the stand-in's choice."""
    begun = f"{standing.nodes[2]}/dtr-nginx-{THIRD}"
    place = ("--ucp-node", standing.nodes[2], "--replica-id", THIRD)

    def locked() -> None:
        assert "join" in bench.database(standing.nodes[0], "get", "/locks/operation")

    done = bench.interrupted(lambda: begun in bench.containers(), "join", *THROUGH_FIRST, *place, then=locked)
    assert done.status != 0
    assert bench.left_of(THIRD)
    assert THIRD in standing.members()


def test_rule_23_a_join_before_the_removal_of_a_dead_replica_can_lose_the_quorum(
    bench: Bench, standing: Standing
) -> None:
    """DOC: quorum counts the replicas that are configured."""
    third = f"{standing.nodes[2]}/dtr-rethinkdb-{THIRD}"
    bench.plane.http.post(f"/containers/{third}/pause").raise_for_status()
    done = bench.join(standing.nodes[3], FOURTH, "--unsafe-join")
    assert done.status == 0, done.log
    second = f"{standing.nodes[1]}/dtr-rethinkdb-{SECOND}"
    bench.plane.http.post(f"/containers/{second}/stop", params={"t": "1"}).raise_for_status()
    try:  # two of three would have been enough, two of four are not
        wait_until(lambda: bench.registry(standing.nodes[0]).status() == 503, seconds=30)
        refused = bench.boot("remove", *THROUGH_FIRST, "--replica-ids", THIRD)
        assert refused.status != 0
        assert "rethinkdb" in refused.last
    finally:
        bench.plane.http.post(f"/containers/{second}/start").raise_for_status()
    wait_until(lambda: bench.registry(standing.nodes[0]).status() == 200, seconds=30)


def test_rule_24_an_unknown_replica_is_refused_unless_it_is_forced(bench: Bench, standing: Standing) -> None:
    """DOC."""
    unknown = "eeeeeeeeeeee"
    refused = bench.boot("remove", *THROUGH_FIRST, "--replica-ids", unknown)
    assert refused.status != 0
    assert f"Replica {unknown} does not exist" in refused.last
    assert FOURTH in refused.last
    forced = bench.boot("remove", *THROUGH_FIRST, "--replica-id", unknown, "--force")
    assert forced.status == 0, forced.log
    assert "--replica-id is deprecated" in forced.log
    assert standing.replicas() == [FIRST, SECOND, THIRD, FOURTH]


def test_rule_16_what_is_dead_must_be_removed_before_anything_is_made_anew(
    bench: Bench, standing: Standing
) -> None:
    """The stand-in chooses."""
    assert bench.boot("destroy", "--replica-id", THIRD).status == 0
    before = {each["Id"] for each in bench.containers().values()}
    for command, image in (("reconfigure", IMAGE), ("upgrade", NEXT_IMAGE)):
        done = bench.boot(command, *THROUGH_FIRST, image=image)
        assert done.status != 0
        assert f"Replica {THIRD} is unhealthy" in done.last
    assert before == {each["Id"] for each in bench.containers().values()}


def test_rule_24_what_is_left_must_have_a_majority(bench: Bench, standing: Standing) -> None:
    """DOC of the healthy majority; the stand-in chooses to refuse before any change."""
    done = bench.boot("remove", *THROUGH_FIRST, "--replica-ids", f"{SECOND},{FOURTH}")
    assert done.status != 0
    assert f"would lose its quorum, these replicas are unhealthy too: {THIRD}" in done.last
    assert standing.replicas() == [FIRST, SECOND, THIRD, FOURTH]


def test_rule_24_remove_takes_a_list_a_dead_replica_and_one_that_is_half_removed(
    bench: Bench, standing: Standing
) -> None:
    """DOC of the list and of the dead one; that a second run finishes is the stand-in's choice."""
    bench.database(standing.nodes[0], "member", "remove", standing.members()[FOURTH])
    done = bench.boot("remove", *THROUGH_FIRST, "--replica-ids", f"{THIRD},{FOURTH}")
    assert done.status == 0, done.log
    assert f"Nothing of replica {THIRD} was found on the nodes that answer" in done.log
    assert "There are currently 2 replicas in your Docker Trusted Registry cluster" in done.log
    assert (standing.replicas(), sorted(standing.members())) == ([FIRST, SECOND], [FIRST, SECOND])
    status = bench.registry(standing.nodes[0]).api("GET", "/meta/cluster_status").json()
    assert sorted(status["replica_health"]) == [FIRST, SECOND]
    assert status["rethink_system_tables"]["current_issues"] == []
    assert bench.left_of(FOURTH) == []


def test_rule_24_a_replica_is_not_removed_through_itself(bench: Bench, standing: Standing) -> None:
    """The stand-in chooses; so the last replica is never removed."""
    done = bench.boot("remove", *THROUGH_FIRST, "--replica-ids", FIRST)
    assert done.status != 0
    assert "cannot be removed through itself" in done.last
    assert standing.replicas() == [FIRST, SECOND]


def test_rule_16_reconfigure_makes_every_container_anew_and_keeps_tags_on_another_storage(
    bench: Bench, standing: Standing
) -> None:
    """DOC; the ports are those of the named replica alone."""
    before = {each["Id"] for each in bench.containers().values()}
    storage = ("--dtr-storage-volume", "dtr-contract-images", "--log-level", "DEBUG")
    done = bench.boot("reconfigure", "--existing-replica-id", SECOND, *storage, "--replica-https-port", "443")
    assert done.status == 0, done.log
    assert "Cluster reconfiguration will occur on all DTR replicas" in done.log
    after = bench.containers()
    assert len(after) == 12
    assert before.isdisjoint(each["Id"] for each in after.values())
    settings = standing.settings()
    assert (settings["logLevel"], settings["storageVolume"]) == ("DEBUG", "dtr-contract-images")
    assert [each["HTTPSPort"] for each in settings["replicaSettings"].values()] == [443, 443]
    assert bench.registry(standing.nodes[1]).status() == 200
    assert standing.tags() == [standing.digest]


def test_rule_30_an_upgrade_goes_neither_back_nor_over_a_minor(bench: Bench, standing: Standing) -> None:
    """DOC; the wording is the stand-in's choice."""
    labels = {"com.docker.dtr.version": "2.4.1", "com.docker.dtr.replica": THIRD}
    with bench.occupied(standing.nodes[2], f"dtr-api-{THIRD}", Labels=labels):
        skipped = bench.boot("upgrade", "--existing-replica-id", THIRD)
    back = bench.boot("upgrade", *THROUGH_FIRST, image="lab/dtr:2.4.1")
    assert (skipped.status, back.status) == (1, 1)
    assert "minor versions are skipped" in skipped.last
    assert "a downgrade is not supported" in back.last
    assert bench.versions(FIRST) == {VERSION}


def test_rule_30_an_upgrade_goes_replica_by_replica_and_is_resumed(bench: Bench, standing: Standing) -> None:
    """DOC."""
    done = bench.interrupted(
        lambda: NEXT_VERSION in bench.versions(SECOND), "upgrade", *THROUGH_FIRST, image=NEXT_IMAGE
    )
    assert done.status != 0
    assert bench.versions(FIRST) == {NEXT_VERSION}
    assert bench.registry(standing.nodes[0]).status() == 200
    resumed = bench.boot("upgrade", *THROUGH_FIRST, image=NEXT_IMAGE)
    assert resumed.status == 0, resumed.log
    assert f"Replica {FIRST} is upgraded already" in resumed.log
    assert (bench.versions(FIRST), bench.versions(SECOND)) == ({NEXT_VERSION}, {NEXT_VERSION})
    assert len(bench.containers()) == 12
    for node in standing.nodes[:2]:
        assert bench.registry(node).api("GET", "/admin/version").json() == {"version": NEXT_VERSION}
    assert standing.tags() == [standing.digest]


def test_rule_27_emergency_repair_makes_a_cluster_of_one_replica_from_its_volumes(
    bench: Bench, standing: Standing
) -> None:
    """DOC; the words of the question are the stand-in's choice."""
    for name in bench.containers():
        if name.endswith(SECOND) or "nginx" in name:
            bench.plane.http.delete(f"/containers/{name}", params={"force": "1"}).raise_for_status()
    kept = [name for name in bench.volumes() if name.endswith(SECOND)]
    unconfirmed = bench.boot("emergency-repair", *THROUGH_FIRST, image=NEXT_IMAGE)
    assert unconfirmed.status != 0
    assert "Not confirmed, nothing was changed" in unconfirmed.last
    done = bench.boot("emergency-repair", *THROUGH_FIRST, "-y", image=NEXT_IMAGE)
    assert done.status == 0, done.log
    assert (standing.replicas(), sorted(standing.members())) == ([FIRST], [FIRST])
    assert standing.tags() == [standing.digest]
    assert [name for name in bench.volumes() if name.endswith(SECOND)] == kept


def test_rule_16_a_storage_that_is_initialized_anew_forgets_its_tags(
    bench: Bench, standing: Standing
) -> None:
    """DOC. One replica is enough, and the database of the only one comes back."""
    done = bench.boot("reconfigure", *THROUGH_FIRST, "--reinitialize-storage", image=NEXT_IMAGE)
    assert done.status == 0, done.log
    assert standing.tags() == []


def test_rule_2_no_command_changes_a_cluster_of_another_version(bench: Bench, standing: Standing) -> None:
    """The advice is DOC; the stand-in chooses to refuse."""
    for arguments in (("remove", "--replica-ids", SECOND), ("reconfigure",), ("emergency-repair", "-y")):
        done = bench.boot(*arguments, *THROUGH_FIRST, image=IMAGE)
        assert done.status != 0
        assert f"has version {NEXT_VERSION} but this is {VERSION}" in done.last
    assert standing.replicas() == [FIRST]
