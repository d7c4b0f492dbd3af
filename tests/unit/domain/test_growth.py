import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.growth import choose_first_replica, choose_join, plan_joins
from runbook.domain.plans import Action
from tests.fakes.clusters import alive, cluster, dead, registry_nodes


def test_the_first_replica_goes_to_the_first_registry_node() -> None:
    step = choose_first_replica(cluster(), registry_nodes(3), "2.9.29")
    assert (step.action, step.where) == (Action.INSTALL, "dtr1")


def test_no_install_begins_while_a_silent_node_may_hold_the_registry() -> None:
    with pytest.raises(RefusedError, match="dtr2 does not answer, and the registry may be there") as refused:
        choose_first_replica(cluster(unreachable=("dtr2",)), registry_nodes(3), "2.9.29")
    assert refused.value.next_step.startswith("start these nodes")


def test_a_node_that_is_none_of_the_registrys_may_be_silent() -> None:
    step = choose_first_replica(cluster(unreachable=("ucp1",)), registry_nodes(3), "2.9.29")
    assert step.where == "dtr1"


def test_a_replica_is_kept_although_another_node_is_silent() -> None:
    step = choose_first_replica(cluster(alive(2), unreachable=("dtr1",)), registry_nodes(3), "2.9.29")
    assert (step.action, step.where) == (Action.KEEP, "dtr2")


def test_a_healthy_replica_is_kept_with_a_reason() -> None:
    step = choose_first_replica(cluster(alive(2)), registry_nodes(3), "2.9.29")
    assert (step.action, step.where) == (Action.KEEP, "dtr2")
    assert "healthy" in step.reason


def test_install_refuses_to_go_over_what_is_left_of_a_replica() -> None:
    with pytest.raises(RefusedError, match="not healthy") as refused:
        choose_first_replica(cluster(dead(1)), registry_nodes(3), "2.9.29")
    assert refused.value.where == "dtr1"


def test_joins_fill_the_free_nodes_in_order() -> None:
    steps = plan_joins(cluster(alive(1)), registry_nodes(4), 3).steps
    assert [(s.action, s.where) for s in steps] == [
        (Action.KEEP, "dtr1"),
        (Action.JOIN, "dtr2"),
        (Action.CONFIGURE, "load balancer"),
        (Action.JOIN, "dtr3"),
        (Action.CONFIGURE, "load balancer"),
    ]


def test_a_second_scale_out_keeps_every_replica_and_says_why() -> None:
    steps = plan_joins(cluster(alive(1), alive(2), alive(3)), registry_nodes(4), 3).steps
    assert {s.action for s in steps} == {Action.KEEP}
    assert all(s.reason for s in steps)


def test_a_larger_cluster_is_not_made_smaller_in_silence() -> None:
    with pytest.raises(RefusedError, match="5 replicas are there and 3 are wanted") as refused:
        plan_joins(cluster(*(alive(n) for n in range(1, 6))), registry_nodes(5), 3)
    assert refused.value.next_step == "run `runbook remove --replicas 3`"


@pytest.mark.parametrize("wanted", [2, 4, 6, 9])
def test_joins_refuse_counts_that_the_vendor_advises_against(wanted: int) -> None:
    with pytest.raises(RefusedError):
        plan_joins(cluster(alive(1)), registry_nodes(9), wanted)


def test_joins_refuse_while_a_member_is_dead() -> None:
    with pytest.raises(RefusedError, match="not healthy") as refused:
        plan_joins(cluster(alive(1), dead(2), alive(3)), registry_nodes(5), 5)
    assert "it removes the dead replica first" in refused.value.next_step


def test_joins_refuse_while_a_member_is_found_on_no_node() -> None:
    with pytest.raises(RefusedError, match="bbbbbbbbbbbb: a member, and found on no node"):
        plan_joins(cluster(alive(1), configured=2), registry_nodes(4), 3)


def test_joins_refuse_when_too_few_nodes_answer() -> None:
    with pytest.raises(RefusedError, match="2 more replicas are wanted and 1"):
        plan_joins(cluster(alive(1), unreachable=("dtr3",)), registry_nodes(3), 3)


def test_a_join_is_decided_on_what_is_there_just_now() -> None:
    assert choose_join(cluster(alive(1)), "dtr2").joins[-1].step.action is Action.JOIN
    assert choose_join(cluster(alive(1), alive(2)), "dtr2").steps[-1].action is Action.KEEP


@pytest.mark.parametrize("services", [True, False], ids=["with containers", "volumes alone"])
def test_what_a_failed_join_left_on_a_node_is_destroyed_before_the_next(services: bool) -> None:
    seen = cluster(alive(1), dead(2, services=services), configured=1)
    actions = [(s.action, s.where) for s in plan_joins(seen, registry_nodes(3), 3).steps]
    assert actions == [
        (Action.KEEP, "dtr1"),
        (Action.DESTROY, "dtr2"),
        (Action.JOIN, "dtr2"),
        (Action.CONFIGURE, "load balancer"),
        (Action.JOIN, "dtr3"),
        (Action.CONFIGURE, "load balancer"),
    ]
    assert [s.action for s in choose_join(seen, "dtr2").steps] == [
        *(Action.DESTROY, Action.JOIN, Action.CONFIGURE)
    ]


def test_nothing_is_destroyed_while_the_registry_does_not_name_its_members() -> None:
    seen = cluster(alive(1), dead(2, services=False))
    with pytest.raises(RefusedError, match="no join while the cluster is not healthy"):
        choose_join(seen, "dtr2")


def test_what_is_in_the_volume_with_the_images_is_never_destroyed() -> None:
    seen = cluster(alive(1), dead(2, services=False), configured=1)
    with pytest.raises(RefusedError, match="images are in a volume there"):
        choose_join(seen, "dtr2", images_on="dtr2")


def test_a_join_refuses_while_another_replica_is_unhealthy() -> None:
    with pytest.raises(RefusedError, match="no join while"):
        choose_join(cluster(alive(1), dead(2)), "dtr3")
