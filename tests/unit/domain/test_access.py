import pytest

from runbook.domain.access import Right, Role, judge_access
from runbook.domain.findings import Level

NONE = dict.fromkeys(Right, False)
ALL = dict.fromkeys(Right, True)


@pytest.mark.parametrize(
    ("role", "lacks"),
    [
        (Role.WRITER, "list, read, write, overwrite, lock"),
        (Role.VERIFIER, "list, read"),
        (Role.PRUNER, "list, read, write, overwrite, delete"),
        (Role.RESTORER, "list, read"),
    ],
)
def test_what_a_role_needs_and_lacks_blocks(role: Role, lacks: str) -> None:
    (found,) = judge_access(role, "s3://vault", NONE, own=True)
    assert (found.level, found.what) == (Level.BLOCKS, f"may not {lacks} in s3://vault")


@pytest.mark.parametrize(
    ("role", "excess"),
    [
        (Role.WRITER, "delete, shorten a lock"),
        (Role.VERIFIER, "write, overwrite, delete, lock, shorten a lock"),
        (Role.PRUNER, "lock, shorten a lock"),
        (Role.RESTORER, "write, overwrite, delete, lock, shorten a lock"),
    ],
)
def test_what_a_role_can_do_and_does_not_need_is_a_warning(role: Role, excess: str) -> None:
    (found,) = judge_access(role, "s3://vault", ALL, own=True)
    assert (found.level, found.what) == (Level.WARNING, f"may {excess} and need not")


def test_keys_that_all_share_are_judged_by_what_is_lacking_alone() -> None:
    assert list(judge_access(Role.VERIFIER, "s3://vault", ALL, own=False)) == []
    (found,) = judge_access(Role.VERIFIER, "s3://vault", NONE, own=False)
    assert found.where == "the vault's own keys, as verifier"


def test_what_was_not_tried_is_not_judged() -> None:
    seen = {Right.LIST: True, Right.READ: True, Right.WRITE: True, Right.OVERWRITE: True}
    assert list(judge_access(Role.WRITER, "s3://vault", seen, own=True)) == []
