from runbook.domain.control_plane import judge_membership
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.findings import Level

MEMBERS = {"ucp1": "ready", "dtr1": "ready", "dtr2": "down"}


def test_members_that_are_ready_are_no_finding() -> None:
    assert judge_membership(["ucp1", "dtr1"], MEMBERS) == ()


def test_a_node_that_the_control_plane_does_not_know_takes_no_replica_and_can_be_read() -> None:
    (found,) = judge_membership(["dtr1", "dtr9"], MEMBERS)
    assert (found.level, found.where, found.error, found.readable) == (
        Level.BLOCKS,
        "dtr9",
        RefusedError,
        True,
    )
    assert found.what == "the control plane does not know this node; it knows dtr1, dtr2, ucp1"


def test_a_node_that_is_down_is_called_unreachable() -> None:
    (found,) = judge_membership(["dtr2"], MEMBERS)
    assert (found.where, found.what, found.error) == (
        "dtr2",
        "the control plane says it is down",
        UnreachableError,
    )
