from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.errors import NewerFormatError, RefusedError
from runbook.domain.health import ClusterSeen, Replica
from runbook.domain.plans import Action
from runbook.domain.recovery import Canary, RecoveryPoint
from runbook.domain.upgrade import (
    Before,
    choose_upgrade,
    compare,
    image_for,
    require_image,
    require_pair,
    schedules_that_stay,
    what_differs,
    why_no_way_back,
    why_not_upgraded,
)
from runbook.domain.versions import COVERED, Version, is_covered, parse_version
from tests.fakes.clusters import IDS, alive, cluster, dead
from tests.fakes.manifests import MANIFEST

OLD, NEW = "2.9.29", "2.10.4"
BEFORE = Before(OLD, NEW, Canary("admin/c:latest", "sha256:1"), {}, {}, IDS[:3])
VERSIONS = st.builds(Version, st.integers(1, 4), st.integers(0, 14), st.integers(0, 40))


def replicas(*versions: str) -> ClusterSeen:
    found = (replace(alive(n), version=version) for n, version in enumerate(versions, 1))
    return cluster(*found, configured=len(versions))


@pytest.mark.parametrize(
    ("running", "wanted", "refusal"),
    [
        ("2.9.29", "2.9.29", None),
        ("2.9.18", "2.9.29", None),
        ("2.9.29", "2.10.0", None),
        ("2.9.29", "2.10.4", None),
        ("2.4.1", "2.5.3", None),
        ("2.5.3", "2.6.4", None),
        ("2.7.6", "2.8.0", None),
        ("2.9.29", "2.9.18", "there is no downgrade"),
        ("2.10.4", "2.9.29", "there is no downgrade"),
        ("2.7.6", "2.9.29", r"no minor version may be skipped.*\n.*go 2\.7\.6 → 2\.8\.x → 2\.9\.29"),
        ("2.4.1", "2.10.4", r"go 2\.4\.1 → 2\.5\.x → 2\.6\.x → 2\.7\.x → 2\.8\.x → 2\.9\.x → 2\.10\.4"),
        ("2.10.4", "2.11.0", r"2\.11\.0 is none of the versions"),
        ("2.10.4", "3.1.0", r"3\.1\.0 is none of the versions"),
        ("2.3.9", "2.4.1", r"2\.3\.9 is none of the versions"),
    ],
)
def test_a_later_patch_or_the_next_minor_and_nothing_else(
    running: str, wanted: str, refusal: str | None
) -> None:
    pair = parse_version(running), parse_version(wanted)
    if refusal is None:
        require_pair(*pair)
        return
    with pytest.raises(RefusedError, match=r"(?s)" + refusal):
        require_pair(*pair)


@given(VERSIONS, VERSIONS)
def test_of_all_pairs_only_steps_of_at_most_one_minor_upwards_pass(running: Version, wanted: Version) -> None:
    try:
        require_pair(running, wanted)
    except RefusedError as refused:
        assert refused.next_step
        passed = False
    else:
        passed = True
    same_minor = running.minor == wanted.minor and wanted.patch >= running.patch
    next_minor = wanted.minor == running.minor + 1
    assert passed is (
        is_covered(running)
        and is_covered(wanted)
        and running.major == wanted.major
        and (same_minor or next_minor)
    )
    assert COVERED[0].major == 2


def test_every_replica_gets_a_step_and_says_what_it_means_for_users() -> None:
    (only,) = choose_upgrade(replicas(OLD), parse_version(NEW)).steps
    assert (only.action, only.where, only.what) == (Action.UPGRADE, "dtr1", f"replica {IDS[0]} to 2.10.4")
    assert only.reason == "2.9.29 runs; it is the only one: the registry is away meanwhile"
    three = choose_upgrade(replicas(OLD, OLD, OLD), parse_version(NEW))
    assert {step.reason for step in three.steps} == {"2.9.29 runs; one after another, the others serve"}
    assert (three.done, three.resumed, three.through) == (False, False, IDS[0])


def test_a_cluster_that_runs_the_wanted_version_is_kept_and_says_why() -> None:
    decided = choose_upgrade(replicas(NEW, NEW, NEW), parse_version(NEW))
    assert decided.done
    assert {step.reason for step in decided.steps} == {"it runs 2.10.4 already"}


def test_an_upgrade_that_was_cut_short_goes_on_where_it_was() -> None:
    decided = choose_upgrade(replicas(NEW, OLD, OLD), parse_version(NEW))
    assert decided.resumed
    assert str(decided.running) == OLD
    assert [step.action for step in decided.steps] == [Action.KEEP, Action.UPGRADE, Action.UPGRADE]


def test_the_replica_that_was_being_replaced_may_be_down() -> None:
    seen = cluster(replace(alive(1), version=NEW), dead(2), alive(3), configured=3)
    decided = choose_upgrade(seen, parse_version(NEW))
    assert [step.action for step in decided.steps] == [Action.KEEP, Action.UPGRADE, Action.UPGRADE]
    assert decided.through == IDS[0]


@pytest.mark.parametrize("left", [dead(1), dead(1, services=False)], ids=["stopped", "volumes alone"])
def test_a_lone_replica_that_was_being_replaced_may_be_down_if_that_is_on_record(left: Replica) -> None:
    seen = cluster(replace(left, version=OLD if left.services else None))
    decided = choose_upgrade(seen, parse_version(NEW), BEFORE)
    assert (str(decided.running), decided.through, decided.done) == (OLD, IDS[0], False)
    with pytest.raises(RefusedError):
        choose_upgrade(seen, parse_version(NEW))


@pytest.mark.parametrize(
    ("seen", "wanted", "words"),
    [
        (cluster(), NEW, "there is no replica"),
        (cluster(alive(1), alive(2), dead(3), configured=3), NEW, "the cluster is not healthy"),
        (cluster(alive(1), alive(2), configured=3), NEW, "a member, and found on no node"),
        (cluster(alive(1), configured=1, unreachable=("dtr2",)), NEW, "dtr2 did not answer"),
        (replicas("2.8.9", OLD, OLD), NEW, r"of more versions.*\n.*finish the upgrade to 2\.9\.29 first"),
        (replicas(NEW, OLD, OLD), OLD, "there is no downgrade"),
        (replicas("2.8.9", NEW, NEW), NEW, "no minor version may be skipped"),
        (cluster(replace(alive(1), version=None), configured=1), NEW, "does not tell its version"),
        (cluster(dead(1, services=False)), NEW, "the cluster is not healthy|no replica has containers"),
    ],
)
def test_what_is_not_fit_is_refused(seen: ClusterSeen, wanted: str, words: str) -> None:
    if not any(r.services for r in seen.replicas):
        seen = replace(seen, replicas=tuple(replace(r, version=None) for r in seen.replicas))
    with pytest.raises(RefusedError, match="(?s)" + words):
        choose_upgrade(seen, parse_version(wanted))


def test_two_replicas_down_are_no_interrupted_upgrade() -> None:
    seen = cluster(replace(alive(1), version=NEW), dead(2), dead(3), configured=3)
    with pytest.raises(RefusedError, match="the cluster is not healthy"):
        choose_upgrade(seen, parse_version(NEW), BEFORE)


def test_what_is_on_record_of_another_upgrade_excuses_nothing() -> None:
    seen = cluster(alive(1), dead(2), alive(3), configured=3)
    with pytest.raises(RefusedError, match="the cluster is not healthy"):
        choose_upgrade(seen, parse_version("2.9.30"), BEFORE)


POINT = RecoveryPoint(MANIFEST.id, MANIFEST)
NOW = POINT.created + timedelta(hours=23)


@pytest.mark.parametrize(
    ("point", "running", "hours", "reason"),
    [
        (POINT, OLD, 24, None),
        (POINT, OLD, 22, "old, more than 22:00:00"),
        (POINT, "2.9.30", 24, "it is of version 2.9.29, and 2.9.30 is to be restored"),
        (None, OLD, 24, "there is no verified recovery point"),
        (replace(POINT, manifest=None), OLD, 24, "there is no verified recovery point"),
    ],
)
def test_the_way_back_is_a_young_point_of_the_running_version(
    point: RecoveryPoint | None, running: str, hours: int, reason: str | None
) -> None:
    found = why_no_way_back(point, parse_version(running), NOW, timedelta(hours=hours))
    assert (found is None) if reason is None else reason in str(found)


def test_an_upgrade_is_done_when_every_member_is_healthy_in_the_new_version() -> None:
    wanted = parse_version(NEW)
    assert why_not_upgraded(replicas(NEW, NEW), wanted, IDS[:2]) is None
    assert why_not_upgraded(replicas(NEW, OLD), wanted, IDS[:2]) == f"{IDS[1]} on dtr2 runs 2.9.29"
    assert "is not counted" in str(why_not_upgraded(replicas(NEW), wanted, IDS[:2]))
    assert "not running" in str(
        why_not_upgraded(cluster(replace(alive(1), version=NEW), dead(2)), wanted, ())
    )


GC = {"onlinegc": {"action": "onlinegc", "schedule": "0 0 3 * * 6", "retries": 2}}


@pytest.mark.parametrize(
    ("settings", "crons", "told"),
    [
        ({"dtrHost": "a", "replicaID": "2"}, GC, []),
        ({"dtrHost": "b"}, GC, ["setting dtrHost is not as before"]),
        ({}, GC, ["setting dtrHost is not as before"]),
        ({"dtrHost": "a", "new": 1}, GC, []),
        (
            {"dtrHost": "a"},
            {"onlinegc": GC["onlinegc"] | {"retries": 0}},
            ["retries of onlinegc is 0 and was 2"],
        ),
    ],
)
def test_what_is_otherwise_after_an_upgrade_is_named_without_its_value(
    settings: Mapping[str, Any], crons: Any, told: list[str]
) -> None:
    before = replace(BEFORE, settings={"dtrHost": "a", "replicaID": "1"}, crons=GC)
    assert list(what_differs(before, settings, crons)) == told


def test_jobs_that_the_new_version_does_not_have_are_told_and_not_missed() -> None:
    before = replace(BEFORE, running="2.5.3", wanted="2.6.4", crons={"gc": {"schedule": "@daily"}, **GC})
    assert schedules_that_stay(before) == GC
    assert list(what_differs(before, {}, GC)) == ["there is no job gc any more: schedule what took its place"]


def test_the_record_survives_json_and_one_of_a_later_version_is_refused() -> None:
    before = replace(BEFORE, settings={"dtrHost": "a"}, crons=GC)
    assert Before.from_json(before.to_json()) == before
    with pytest.raises(NewerFormatError):
        Before.from_json(b'{"format_version": 2}')


@pytest.mark.parametrize(
    ("image", "current", "version", "needed"),
    [
        ("mirantis/dtr", "2.9.29", "2.9.18", "mirantis/dtr:2.9.18"),
        ("mirantis/dtr", "2.8.0", "2.7.6", "docker/dtr:2.7.6"),
        ("registry.example.com/msr/dtr", "2.10.4", "2.9.29", "mirantis/dtr:2.9.29"),
        ("msr/dtr", "2.10.4", "2.9.29", "mirantis/dtr:2.9.29"),
        ("lab/dtr", "2.10.4", "2.9.29", "lab/dtr:2.9.29"),
        ("mirror.example.com:5000/ours/dtr", "2.10.4", "2.9.29", "mirror.example.com:5000/ours/dtr:2.9.29"),
    ],
)
def test_the_image_that_an_older_point_needs(image: str, current: str, version: str, needed: str) -> None:
    assert image_for(image, parse_version(current), parse_version(version)) == needed


def test_a_ghost_that_is_no_member_decides_nothing() -> None:
    members = tuple(replace(alive(n), version=OLD) for n in (2, 3, 4))
    newer = ClusterSeen((replace(alive(1), version=NEW), *members), configured=IDS[1:4])
    decided = choose_upgrade(newer, parse_version(NEW))
    assert (decided.resumed, decided.done, decided.through) == (False, False, IDS[1])
    assert [step.action for step in decided.steps] == [*[Action.UPGRADE] * 3, Action.KEEP]
    done = tuple(replace(member, version=NEW) for member in members)
    older = ClusterSeen((replace(dead(1), version=OLD), *done), configured=IDS[1:4])
    after = choose_upgrade(older, parse_version(NEW))
    assert (after.resumed, after.done, str(after.running)) == (False, True, NEW)
    assert "the registry does not count it" in after.steps[-1].reason


def test_an_upgrade_is_resumed_only_once_a_member_runs_the_wanted_version() -> None:
    on_record = choose_upgrade(replicas(OLD, OLD, OLD), parse_version(NEW), BEFORE)
    assert (on_record.resumed, on_record.begun) == (False, False)
    assert choose_upgrade(replicas(NEW, OLD, OLD), parse_version(NEW), BEFORE).resumed
    down = cluster(alive(1), dead(2), alive(3), configured=3)
    cut = choose_upgrade(down, parse_version(NEW), BEFORE)
    assert (cut.resumed, cut.begun) == (False, True)


def test_members_and_schedules_that_are_lost_are_told_by_name() -> None:
    kept = compare(replace(BEFORE, crons=GC), replicas(NEW, NEW), {}, {})
    assert kept.lost == (f"{IDS[2]} is no member any more", "onlinegc is never and was 0 0 3 * * 6")
    assert compare(replace(BEFORE, crons=GC), replicas(NEW, NEW, NEW), {}, GC).lost == ()


@pytest.mark.parametrize(
    ("image", "running", "wanted", "refused"),
    [
        ("mirantis/dtr", "2.9.29", "2.10.4", "published as msr/dtr"),
        ("docker.io/mirantis/dtr", "2.9.29", "2.10.4", "published as msr/dtr"),
        ("docker/dtr", "2.7.6", "2.8.0", "published as mirantis/dtr"),
        ("mirantis/dtr", "2.8.0", "2.9.29", None),
        ("msr/dtr", "2.9.29", "2.10.4", None),
        ("registry.example.com/mirantis/dtr", "2.9.29", "2.10.4", None),
        ("lab/dtr", "2.9.29", "2.10.4", None),
    ],
)
def test_the_vendors_old_name_is_refused_for_a_version_that_has_another(
    image: str, running: str, wanted: str, refused: str | None
) -> None:
    if refused is None:
        require_image(image, parse_version(running), parse_version(wanted))
        return
    with pytest.raises(RefusedError, match=rf"(?s)registry\.image: .*{refused}.*set registry\.image"):
        require_image(image, parse_version(running), parse_version(wanted))
