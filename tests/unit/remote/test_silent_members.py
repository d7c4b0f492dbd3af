from collections.abc import Mapping
from dataclasses import dataclass

from runbook.domain.health import SERVICES
from runbook.remote.discovery import observe
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
        lambda address: None if address in answers else "it does not answer",
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
    seen = observe(nodes, ADDRESSES, lambda _: None, lambda _: {IDS[0]: "dtr1"})  # type: ignore[arg-type]
    assert seen.bootstrappers == {"dtr2": "exited"}
    assert [r.replica_id for r in seen.replicas] == [IDS[0]]
