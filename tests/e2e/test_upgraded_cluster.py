"""A cluster of its own, of one replica, whose upgrade is killed in the middle and run again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab import commands
from lab.node_engines import node_engine
from lab.topology import NODES
from runbook.remote.discovery import REPLICA_NAME, VERSION_LABEL
from runbook.remote.locks import lock_key
from runbook.remote.waiting import wait_until
from tests.e2e.conftest import SUNDAY_NIGHT
from tests.e2e.runs import Ended, runbook, start
from tests.e2e.world import World, look
from tests.lab_cluster import LabCluster

pytestmark = [pytest.mark.e2e, pytest.mark.own_cluster]
OLD, NEW = "2.9.29", "2.10.4"


@dataclass(frozen=True)
class Upgraded:
    """What was planned, what was there before and when the first run died, and how the second ended."""

    cluster: LabCluster
    planned: list[dict[str, str]]
    before: World
    cut: set[str]  # versions of the replica's containers
    resumed: Ended


@pytest.fixture(scope="module")
def upgraded(lab_cluster: LabCluster) -> Iterator[Upgraded]:
    """A replica with garbage collection scheduled and a recovery point, then an upgrade that dies, then another."""
    lab_cluster.reset()
    for command in ("install", "backup"):
        done = runbook(command, cluster=lab_cluster.file)
        assert done.status == 0, done.stderr
    _schedule(lab_cluster)
    planned = _plan(lab_cluster)
    before = look(lab_cluster)
    dying = start("upgrade", "--to", NEW, "--cluster", str(lab_cluster.file))
    try:
        wait_until(
            lambda: None if NEW in _versions(lab_cluster) else "no container is new",
            where="dtr1",
            timeout=120,
            poll=0.1,
        )
    finally:
        dying.kill()
        dying.communicate()
    _kill_bootstrapper()
    cut = _versions(lab_cluster)
    _let_lease_end(lab_cluster)
    yield Upgraded(lab_cluster, planned, before, cut, _upgrade(lab_cluster))
    lab_cluster.reset()


def test_the_plan_names_every_change_and_touches_nothing(upgraded: Upgraded) -> None:
    assert [step["action"] for step in upgraded.planned if step["action"] not in {"keep", "load images"}] == [
        *("verify", "verify", "upgrade", "verify", "verify", "back up")
    ]
    assert len(upgraded.before.points) == 1


def test_an_upgrade_that_was_killed_in_the_middle_is_finished_by_the_next(upgraded: Upgraded) -> None:
    assert NEW in upgraded.cut
    assert upgraded.resumed.status == 0, upgraded.resumed.stderr
    after = look(upgraded.cluster)
    assert _versions(upgraded.cluster) == {NEW}
    assert after.left_over == []
    assert not [key for key in after.vault if key.startswith("lab/upgrades/")]
    assert (after.replicas, after.volumes, after.crons) == (
        upgraded.before.replicas,
        upgraded.before.volumes,
        upgraded.before.crons,
    )
    assert len(after.points) == 2
    assert "can only be restored with lab/dtr:2.9.29" in upgraded.resumed.stdout


def test_afterwards_there_is_nothing_to_do_and_no_way_down(upgraded: Upgraded) -> None:
    before = look(upgraded.cluster)
    assert {step["action"] for step in _plan(upgraded.cluster)} == {"keep"}
    down = runbook("upgrade", "--to", OLD, "--plan", cluster=upgraded.cluster.file)
    assert down.status == 3
    assert "2.10.4 runs, and 2.9.29 is older: there is no downgrade" in down.stderr
    assert look(upgraded.cluster) == before


def _upgrade(cluster: LabCluster, *options: str) -> Ended:
    return runbook("upgrade", "--to", NEW, *options, cluster=cluster.file)


def _plan(cluster: LabCluster) -> list[dict[str, str]]:
    planned = _upgrade(cluster, "--plan", "--json")
    assert planned.status == 0, planned.stderr
    steps: list[dict[str, str]] = json.loads(planned.stdout)["steps"]
    return steps


def _versions(cluster: LabCluster) -> set[str]:
    connection = cluster.connect()
    try:
        seen = connection.transport.containers().seen
    finally:
        connection.close()
    return {c.labels[VERSION_LABEL] for c in seen if VERSION_LABEL in c.labels and REPLICA_NAME.match(c.name)}


def _schedule(cluster: LabCluster) -> None:
    connection = cluster.connect()
    try:
        with connection.admin as admin:
            admin.set_cron({"action": "onlinegc", **SUNDAY_NIGHT})
    finally:
        connection.close()


def _kill_bootstrapper() -> None:
    """Have both phases of the run that died end too; the ended container of the second stays, as the vendor's does."""
    with commands.open_lab() as lab:
        for name in ("runbook-", "dtr-phase2"):
            for node in NODES:
                with node_engine(lab.topology, node) as engine:
                    for container in engine.containers.list(filters={"name": name}, ignore_removed=True):
                        container.kill()


def _let_lease_end(cluster: LabCluster) -> None:
    """Take the dead run's lock away: its lease would end a minute later."""
    connection = cluster.connect()
    try:
        connection.vault.delete(lock_key(connection.name))
    finally:
        connection.close()
