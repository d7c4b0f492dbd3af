from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.health import Replica
from runbook.domain.plans import Action
from runbook.domain.restore_plan import NAMED, Loss, Verified, choose_node, choose_restore, plan_restore
from tests.fakes.clusters import IDS, cluster, dead, registry_nodes
from tests.fakes.manifests import MANIFEST as SOUND

TAKEN = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
POINT = replace(SOUND, cluster="lab", id="20261122T013000Z-0123abcd", created=TAKEN, replica_id=IDS[0])
VERIFIED = Verified(POINT, "0a1b2c3d4e5f")
LOSS = Loss(TAKEN, newer_blobs=0, missing_blobs=5)


def actions(*replicas: Replica, wanted: int = 3) -> list[tuple[str, str]]:
    seen = cluster(*replicas)
    plan = plan_restore(seen, registry_nodes(4), VERIFIED, LOSS, wanted=wanted, first_node="dtr1")
    return [(step.action, step.where) for step in plan.steps]


def test_a_restore_brings_images_before_metadata_and_one_replica_before_many() -> None:
    assert actions() == [
        (Action.VERIFY, "vault"),
        *((Action.LOAD_IMAGES, f"dtr{n}") for n in (1, 2, 3)),
        (Action.RESTORE_IMAGES, "storage"),
        (Action.RESTORE_METADATA, "dtr1"),
        (Action.VERIFY, "dtr1"),
        (Action.JOIN, "dtr2"),
        (Action.JOIN, "dtr3"),
        (Action.CONFIGURE, "load balancer"),
        (Action.BACK_UP, "vault"),
    ]


def test_what_is_left_is_set_aside_before_it_is_destroyed() -> None:
    assert actions(dead(2, volumes=False))[4:6] == [(Action.SET_ASIDE, "dtr2"), (Action.DESTROY, "dtr2")]


def test_a_silent_node_is_named_as_not_destroyed() -> None:
    seen = cluster(unreachable=("dtr4",))
    plan = plan_restore(seen, registry_nodes(4), VERIFIED, LOSS, wanted=3, first_node="dtr1")
    assert (plan.steps[1].action, plan.steps[1].where) == (Action.KEEP, "dtr4")
    assert "NOT destroyed" in plan.steps[1].what


def test_a_plan_refuses_when_too_few_nodes_answer() -> None:
    with pytest.raises(RefusedError, match="3 replicas are wanted and 2 registry nodes answer"):
        plan_restore(
            cluster(unreachable=("dtr3",)), registry_nodes(3), VERIFIED, LOSS, wanted=3, first_node="dtr1"
        )


def test_the_plan_is_the_same_when_seen_again_so_that_its_approval_holds() -> None:
    one = plan_restore(cluster(), registry_nodes(4), VERIFIED, LOSS, wanted=3, first_node="dtr1")
    changed = replace(LOSS, missing_blobs=4)
    other = plan_restore(cluster(), registry_nodes(4), VERIFIED, changed, wanted=3, first_node="dtr1")
    assert (
        one.digest()
        == plan_restore(cluster(), registry_nodes(4), VERIFIED, LOSS, wanted=3, first_node="dtr1").digest()
    )
    assert one.digest() != other.digest()


def test_an_approval_counts_for_the_very_bytes_that_were_verified() -> None:
    written_since = replace(VERIFIED, listing="f5e4d3c2b1a0")
    digests = {
        plan_restore(cluster(), registry_nodes(4), seen, LOSS, wanted=3, first_node="dtr1").digest()
        for seen in (VERIFIED, written_since)
    }
    assert len(digests) == 2


def test_the_node_that_was_backed_up_is_preferred_if_it_answers() -> None:
    assert choose_node(cluster(), registry_nodes(3), "dtr2") == "dtr2"
    assert choose_node(cluster(unreachable=("dtr2",)), registry_nodes(3), "dtr2") == "dtr1"


def test_no_node_that_answers_is_refused() -> None:
    with pytest.raises(RefusedError, match="no registry node answers"):
        choose_node(cluster(unreachable=("dtr1",)), registry_nodes(1), None)


def test_the_loss_is_told_in_minutes() -> None:
    sentence = LOSS.sentence(TAKEN + timedelta(minutes=90))
    assert "after 2026-11-22 01:30:00 UTC is lost: 90.0 minutes" in sentence
    assert "storage holds 3 blobs of later pushes" in replace(LOSS, newer_blobs=3).sentence(TAKEN)


def test_images_that_will_be_lost_are_named_as_far_as_the_storage_shows_them() -> None:
    one = replace(LOSS, newer_blobs=2, later=("org/app:3.0", "org/web")).sentence(TAKEN)
    assert one.endswith("2 blobs of later pushes; storage shows pushes to org/app:3.0, org/web")
    many = replace(LOSS, later=tuple(f"org/app{n}" for n in range(NAMED + 1))).sentence(TAKEN)
    assert many.endswith(f"org/app{NAMED - 1} and more")


@pytest.mark.parametrize("others", [(), (f"dtr-ca-{IDS[0]}",)])
def test_a_volume_into_which_images_were_just_brought_back_is_no_replica_in_the_way(
    others: tuple[str, ...],
) -> None:
    left = replace(dead(1, services=False), volumes=(f"dtr-registry-{IDS[0]}", *others))
    if others:
        with pytest.raises(RefusedError, match="is still there"):
            choose_restore(cluster(left), POINT, "dtr1")
    else:
        assert choose_restore(cluster(left), POINT, "dtr1").action is Action.RESTORE_METADATA
