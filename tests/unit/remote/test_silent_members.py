from collections.abc import Mapping
from dataclasses import dataclass

from runbook.domain.health import SERVICES
from runbook.remote.discovery import VERSION_LABEL, observe
from runbook.remote.transport import ContainerSeen, Observation, VolumeSeen
from tests.fakes.clusters import IDS

ADDRESSES = {"dtr1": "198.18.0.11", "dtr2": "198.18.0.12", "dtr3": "198.18.0.13"}


@dataclass(frozen=True)
class Nodes:
    """What is on the nodes that answer."""

    containers_seen: tuple[ContainerSeen, ...]
    unreachable: Mapping[str, str]

    def containers(self) -> Observation[ContainerSeen]:
        return Observation(self.containers_seen, self.unreachable)

    def volumes(self) -> Observation[VolumeSeen]:
        return Observation((VolumeSeen("dtr1", f"dtr-rethink-{IDS[0]}"),), self.unreachable)


def container(node: str, name: str, state: str = "running") -> ContainerSeen:
    return ContainerSeen(node, name, state, "image", {}, None)


REPLICA = tuple(container("dtr1", f"dtr-{service}-{IDS[0]}") for service in SERVICES)
PLACES = {IDS[0]: "dtr1", IDS[1]: "dtr2", IDS[2]: "dtr3"}


def test_a_member_on_a_silent_node_is_probed_where_the_registry_says_that_it_is() -> None:
    nodes = Nodes(REPLICA, {"dtr2": "no route", "dtr3": "no route"})
    answers = {"198.18.0.11", "198.18.0.12"}
    seen = observe(
        nodes,  # type: ignore[arg-type]  # no container is started here
        ADDRESSES,
        lambda address, _: None if address in answers else "it does not answer",
        lambda _: PLACES,
    )
    assert seen.configured == tuple(PLACES)
    assert seen.answering == (IDS[1],)
    assert seen.dead == (IDS[2],)
    assert seen.has_quorum
    assert seen.why_dead(IDS[2]) == "a member, and found on no node, and dtr3 does not answer"
    assert [seen.member_on(node) for node in ADDRESSES] == list(PLACES)


def test_the_container_of_a_second_phase_is_seen_with_its_state() -> None:
    nodes = Nodes((*REPLICA, container("dtr2", "dtr-phase2", "exited")), {})
    seen = observe(nodes, ADDRESSES, lambda *_: None, lambda _: {IDS[0]: "dtr1"})  # type: ignore[arg-type]
    assert seen.bootstrappers == {"dtr2": "exited"}
    assert [r.replica_id for r in seen.replicas] == [IDS[0]]


def test_the_replicas_of_another_registry_are_not_seen_and_a_member_on_a_node_outside_of_the_file_is() -> (
    None
):
    others = tuple(container(node, f"dtr-{service}-{IDS[n]}") for service in SERVICES for node, n in AWAY)
    nodes = Nodes((*REPLICA, *others, container("away9", "dtr-phase2", "exited")), {})
    places = {IDS[0]: "dtr1", IDS[1]: "away1"}
    seen = observe(nodes, ADDRESSES, lambda *_: None, lambda _: places)  # type: ignore[arg-type]
    assert [(r.replica_id, r.outside) for r in seen.replicas] == [(IDS[0], False), (IDS[1], True)]
    assert seen.bootstrappers == {"away9": "exited"}


AWAY = (("away1", 1), ("away2", 2))
A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


class TwoNodes:
    """Two nodes, each with a replica whose services are of the versions that are given."""

    name = "two nodes"

    def __init__(self, first: list[str], second: list[str]) -> None:
        self._versions = {("dtr1", A): first, ("dtr2", B): second}

    def containers(self, _prefix: str = "dtr-") -> Observation[ContainerSeen]:
        seen = tuple(
            ContainerSeen(node, f"dtr-{service}-{replica}", "running", "dtr", {VERSION_LABEL: version}, None)
            for (node, replica), versions in self._versions.items()
            for service, version in zip(SERVICES, versions * len(SERVICES), strict=False)
        )
        return Observation(seen, {})

    def volumes(self, _prefix: str = "dtr-") -> Observation[VolumeSeen]:
        return Observation((), {})


def look(first: list[str], second: list[str]) -> dict[str, str | None]:
    """Return the version of each replica; each is healthy where it is asked as that version is."""
    asked: dict[str, str | None] = {}

    def probe(address: str, version: str | None) -> str | None:
        asked[address] = version
        return None

    seen = observe(
        TwoNodes(first, second), {"dtr1": "1", "dtr2": "2"}, probe, lambda _: {A: "dtr1", B: "dtr2"}
    )  # type: ignore[arg-type]
    assert {r.node: r.version for r in seen.replicas} == {"dtr1": asked["1"], "dtr2": asked["2"]}
    return asked


def test_each_replica_is_probed_as_its_own_version_is() -> None:
    assert look(["2.5.3"], ["2.4.1"]) == {"1": "2.5.3", "2": "2.4.1"}


def test_a_replica_that_is_half_replaced_is_of_the_older_version() -> None:
    assert look(["2.10.4", "2.9.29"], ["2.9.29", "2.10.4"]) == {"1": "2.9.29", "2": "2.9.29"}


def test_a_label_that_is_no_version_is_passed_over() -> None:
    assert look(["custom"], ["custom", "2.9.29"]) == {"1": None, "2": "2.9.29"}
