from dataclasses import replace

import pytest

from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.recovery import PARTS, RecoveryPoint
from runbook.domain.second_copy import Wish, one_error, plan_copies, points_to_copy
from tests.fakes.manifests import MANIFEST

OLD, NEW, NEWER = (f"202611{day}T010203Z-0a1b2c3d" for day in (20, 21, 22))


def point(identifier: str, *, verified: bool = True) -> RecoveryPoint:
    return RecoveryPoint(identifier, replace(MANIFEST, id=identifier, verified=verified))


POINTS = (point(OLD), point(NEW), RecoveryPoint(NEWER, None, "it was never finished: it has no manifest"))


def ids(wish: Wish) -> list[str]:
    return [manifest.id for manifest in points_to_copy(POINTS, wish)]


def test_the_newest_verified_point_is_copied_unless_another_is_wished_for() -> None:
    assert ids(Wish()) == [NEW]
    assert ids(Wish(OLD[:8])) == [OLD]


def test_all_verified_points_are_copied_newest_first() -> None:
    assert ids(Wish(every=True)) == [NEW, OLD]


def test_a_point_that_is_not_verified_or_not_finished_is_refused() -> None:
    with pytest.raises(RefusedError, match="it was never verified"):
        points_to_copy((point(OLD, verified=False), point(NEW)), Wish(OLD))
    with pytest.raises(RefusedError, match="it was never finished"):
        points_to_copy(POINTS, Wish(NEWER))
    with pytest.raises(RefusedError, match="it holds no verified recovery point"):
        points_to_copy((), Wish(every=True))


@pytest.mark.parametrize("absent", PARTS)
def test_a_point_whose_manifest_lacks_a_part_is_refused(absent: str) -> None:
    objects = {name: part for name, part in MANIFEST.objects.items() if name != absent}
    odd = RecoveryPoint(MANIFEST.id, replace(MANIFEST, objects=objects))
    with pytest.raises(RefusedError, match=f"its manifest does not name {absent}"):
        points_to_copy((odd,), Wish())


def actions(wish: Wish, held: set[str]) -> list[str]:
    return [str(step) for step in plan_copies("offsite", points_to_copy(POINTS, wish), held, wish)]


def test_a_point_that_is_there_is_kept_and_looked_through_if_it_was_asked_for() -> None:
    assert actions(Wish(every=True), {OLD}) == [
        f"copy offsite: copy {NEW} (it is not there)",
        f"copy offsite: keep {OLD} (it is there)",
    ]
    (again,) = actions(Wish(OLD), {OLD})
    assert again.startswith(f"copy offsite: copy {OLD} (it is there; what it lacks is added")


def test_several_failures_are_told_as_one() -> None:
    first, second = UnreachableError("a", "is off", "wait"), MismatchError("b", "differs", "look")
    assert one_error([]) is None
    assert one_error([first]) is first
    both = one_error([first, second])
    assert isinstance(both, UnreachableError)
    assert str(both) == "vault.copies: 2 copies failed: a: is off; b: differs\nNext: wait; look"
