import pytest

from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.leftovers import Leftover
from runbook.remote.clearing import clear
from runbook.remote.transport import Completed
from tests.fakes.clusters import IDS, alive, cluster, dead


class Node:
    """A node whose engine answers so to `docker rm`."""

    def __init__(self, status: int, stderr: bytes) -> None:
        self._answer = Completed(status, b"", stderr)

    def run(self, argv: list[str]) -> Completed:
        assert argv == ["docker", "rm", "dtr-phase2"]
        return self._answer


def clear_phase(status: int, stderr: bytes) -> None:
    node = Node(status, stderr)
    clear([Leftover("dtr2")], lambda _: None, lambda _: node, lambda: cluster(alive(1)))  # type: ignore[arg-type,return-value]


def test_a_second_phase_that_is_gone_meanwhile_is_no_matter() -> None:
    clear_phase(1, b"Error response from daemon: No such container: dtr-phase2")


def test_a_second_phase_that_runs_after_all_is_left_alone_and_said() -> None:
    with pytest.raises(RefusedError, match="cannot be removed: You cannot remove a running container"):
        clear_phase(1, b"You cannot remove a running container")


def test_what_destroy_leaves_behind_is_named() -> None:
    destroyed: list[str] = []
    seen = cluster(alive(1), dead(2), configured=1)
    with pytest.raises(NotReadyError, match=f"after destroy, containers or volumes of replica {IDS[1]}"):
        clear([Leftover("dtr2", IDS[1])], destroyed.append, Node, lambda: seen)  # type: ignore[arg-type]
    assert destroyed == [IDS[1]]
