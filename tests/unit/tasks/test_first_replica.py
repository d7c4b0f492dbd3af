from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.registry_tls import RegistryTlsSettings
from runbook.domain.commands import ReplicaPorts
from runbook.domain.errors import RefusedError
from runbook.domain.health import SERVICES
from runbook.domain.plans import Action
from runbook.remote import turns
from runbook.remote.unfinished_install import note_installing, unfinished_install
from tasks.first_replica import ensure_first_replica, plan_first_replica
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.many_points import nightly_points

HALF_MADE = {"rethinkdb": "exited", "registry": "created"}
ALL_RAN = dict.fromkeys(SERVICES, "exited")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "POLL", 0.0)


def killed(cluster: FakeCluster, services: Mapping[str, str] = HALF_MADE) -> str:
    """Have an install die with its bootstrapper; return the id of what it left."""
    cluster.bootstrapper.dies_with = services
    with pytest.raises(ConnectionAbortedError):
        ensure_first_replica.fn(cluster)
    cluster.bootstrapper.dies_with = None
    return cluster.replicas[0].replica_id


def test_a_first_replica_is_installed_once_and_kept_by_the_second_run(cluster: FakeCluster) -> None:
    actions = [[step.action for step in ensure_first_replica.fn(cluster)] for _ in range(2)]
    assert actions == [[Action.INSTALL], [Action.KEEP]]
    assert [r.node for r in cluster.replicas] == ["dtr1"]
    assert unfinished_install(cluster.vault, "lab") is None


@pytest.mark.parametrize("services", [HALF_MADE, {}], ids=["some containers", "volumes alone"])
def test_an_install_that_was_killed_half_way_begins_anew(
    services: Mapping[str, str], cluster: FakeCluster
) -> None:
    left = killed(cluster, services)
    planned = plan_first_replica.fn(cluster)
    assert [(step.action, step.what) for step in planned] == [
        (Action.DESTROY, "container dtr-phase2"),
        (Action.DESTROY, f"what is left of replica {left}"),
        (Action.INSTALL, "the first replica of 2.9.29"),
    ]
    assert cluster.bootstrapper.destroyed == []
    assert ensure_first_replica.fn(cluster) == planned
    assert cluster.bootstrapper.destroyed == [left]
    assert [r.healthy for r in cluster.replicas] == [True]
    assert (cluster.seen.bootstrappers, unfinished_install(cluster.vault, "lab")) == ({}, None)


def test_a_second_phase_that_still_works_is_awaited_and_what_it_made_is_kept(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = killed(cluster)
    node = cluster.ssh("dtr1")
    node.phase2.write_text("running")
    looks = iter([cluster.seen])

    def observe() -> object:
        if found := next(looks, None):
            return found
        node.phase2.write_text("exited")
        cluster.replicas = [replace(alive(1), replica_id=left)]
        return cluster.seen

    monkeypatch.setattr(cluster, "observe", observe)
    steps = ensure_first_replica.fn(cluster)
    assert [(step.action, step.what) for step in steps] == [
        (Action.DESTROY, "container dtr-phase2"),
        (Action.KEEP, f"replica {left}"),
    ]
    assert (cluster.bootstrapper.destroyed, cluster.seen.bootstrappers) == ([], {})
    assert unfinished_install(cluster.vault, "lab") is None


def test_what_may_have_served_is_never_destroyed_and_the_way_out_is_named(cluster: FakeCluster) -> None:
    left = killed(cluster, ALL_RAN)
    refused = rf"(?s)all of its services have run: it may hold data.*destroy --replica-id {left}"
    assert_refused(cluster, refused)


def test_what_is_half_made_stays_where_the_vault_has_points_of_a_registry(cluster: FakeCluster) -> None:
    killed(cluster)
    nightly_points(cluster, 1)
    assert_refused(cluster, "the vault has recovery points of this cluster")


def test_what_is_half_made_stays_where_a_node_is_silent(cluster: FakeCluster) -> None:
    killed(cluster)
    cluster.unreachable = ("dtr3",)
    assert_refused(cluster, "dtr3 did not answer")


def test_what_is_half_made_stays_where_the_registry_counts_it(cluster: FakeCluster) -> None:
    killed(cluster)
    cluster.silent = False
    assert_refused(cluster, "the registry counts members")


def test_what_no_install_on_record_has_made_stays(cluster: FakeCluster) -> None:
    cluster.replicas = [dead(1, services=False)]
    cluster.silent = True
    assert_refused(cluster, f"replica {IDS[0]} is there and not healthy")
    note_installing(cluster.vault, "lab", IDS[1])
    assert_refused(cluster, f"replica {IDS[0]} is there and not healthy")


def test_beside_another_replica_what_is_half_made_stays(cluster: FakeCluster) -> None:
    killed(cluster)
    cluster.replicas.append(dead(2))
    assert_refused(cluster, "is there and not healthy")


def assert_refused(cluster: FakeCluster, words: str) -> None:
    before = list(cluster.replicas)
    for task in (plan_first_replica, ensure_first_replica):
        with pytest.raises(RefusedError, match=words):
            task.fn(cluster)
    assert (cluster.replicas, cluster.bootstrapper.destroyed) == (before, [])


def test_what_is_decided_on_the_replicas_fails_where_they_cannot_be_observed(cluster: FakeCluster) -> None:
    cluster.not_observed = RefusedError("dtr4", "its host key changed", "compare it")
    with pytest.raises(RefusedError, match="its host key changed"):
        ensure_first_replica.fn(cluster)
    assert cluster.replicas == []


def test_a_taken_port_is_refused_before_the_bootstrapper_runs(cluster: FakeCluster) -> None:
    cluster.ssh("dtr1").listen(443, "web")
    for task in (plan_first_replica, ensure_first_replica):
        with pytest.raises(
            RefusedError, match="dtr1: no replica can be put there: port 443 is taken by container web"
        ):
            task.fn(cluster)
    assert cluster.replicas == []
    cluster.ports = ReplicaPorts(https=4443)
    assert ensure_first_replica.fn(cluster)[-1].action is Action.INSTALL


def test_the_key_of_an_own_certificate_is_told_beside_the_arguments(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).write_text(name)
    cluster.settings.registry.tls = RegistryTlsSettings(
        cert_file=str(tmp_path / "cert"), key=f"file:{tmp_path}/key"
    )
    ensure_first_replica.fn(cluster)
    assert cluster.bootstrapper.secrets["DTR_KEY"].get_secret_value() == "key"
