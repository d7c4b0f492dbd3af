from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import (
    ProofNumbers,
    RecoveryPoint,
    created_of,
    is_id,
    new_id,
    newest_verified,
    part_key,
    select_point,
    why_not_restorable,
    why_too_old,
)
from tests.fakes.manifests import MANIFEST, NOW


def point(number: int, *, verified: bool = True, problem: str | None = None) -> RecoveryPoint:
    identifier = new_id(NOW + timedelta(days=number), "0a1b2c3d")
    manifest = None if problem else replace(MANIFEST, id=identifier, verified=verified)
    return RecoveryPoint(identifier, manifest, problem)


def test_an_id_is_the_time_in_utc_and_sorts_by_it() -> None:
    east = timezone(timedelta(hours=9))
    assert new_id(NOW.astimezone(east), "0a1b2c3d") == MANIFEST.id
    assert created_of(MANIFEST.id) == NOW
    assert new_id(NOW, "ffffffff") < new_id(NOW + timedelta(seconds=1), "00000000")


def test_what_is_no_id_is_refused() -> None:
    assert not any(is_id(text) for text in ("", "20261122T010203Z", "20261122T010203Z-0A1B2C3D", "../x"))
    with pytest.raises(ValueError, match="8 hex digits"):
        new_id(NOW, "xyz")


def test_keys_are_those_of_the_design() -> None:
    key = part_key("prod", MANIFEST.id, "manifest.json")
    assert key == "prod/points/20261122T010203Z-0a1b2c3d/manifest.json"


def test_the_newest_verified_point_is_chosen() -> None:
    points = [point(2), point(1), point(3, verified=False), point(4, problem="it has no manifest")]
    assert newest_verified(points) == points[0]
    assert select_point(points) == points[0].manifest
    assert newest_verified([]) is None


def test_a_point_may_be_named_by_its_beginning() -> None:
    points = [point(1), point(2), point(3, verified=False)]
    assert select_point(points, "20261123") == points[0].manifest
    assert select_point(points, points[2].id) == points[2].manifest


@pytest.mark.parametrize(
    ("points", "wanted", "reason"),
    [
        ([], None, "it holds no verified recovery point\nNext"),
        ([point(1, verified=False)], None, "no verified recovery point; 1 are unfinished or not verified"),
        ([point(1), point(2)], "2026", "2 of 2 recovery points begin with '2026'"),
        ([point(1)], "2027", "0 of 1 recovery points begin with '2027'"),
        ([point(1, problem="it has no manifest")], "2026", "it has no manifest"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(
    points: list[RecoveryPoint], wanted: str, reason: str
) -> None:
    with pytest.raises(RefusedError, match=reason):
        select_point(points, wanted)


def test_a_whole_point_is_restorable() -> None:
    assert why_not_restorable(MANIFEST, version="2.9.29", cluster_id="ucp-1") is None
    assert why_not_restorable(MANIFEST, version="2.9.29") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verified": False}, "it was never verified"),
        ({"proof": ProofNumbers(5, 2, 0, 0)}, "2 references of its metadata are not in its images"),
        ({"objects": {}}, "its manifest does not name metadata.tar.zst.age, "),
        ({"registry_version": "2.9.2"}, "it is of version 2.9.2, and 2.9.29 is to be restored"),
        ({"cluster_id": "ucp-2"}, "it is of control plane ucp-2, this one is ucp-1"),
    ],
)
def test_why_a_point_is_not_restorable_is_said(change: dict[str, object], reason: str) -> None:
    seen = why_not_restorable(replace(MANIFEST, **change), version="2.9.29", cluster_id="ucp-1")  # type: ignore[arg-type]
    assert (seen or "").startswith(reason)


def test_age_is_counted_from_the_id() -> None:
    day = timedelta(days=1)
    assert why_too_old(point(0), NOW + day, day) is None
    assert why_too_old(point(0), NOW + 2 * day, day) is not None
    assert why_too_old(None, NOW, day) == "there is no verified recovery point"
