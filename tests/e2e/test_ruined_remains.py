"""Remains of a lost registry: set aside before they are destroyed, by a forced restore and by one that is killed."""

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from lab import commands
from lab.node_engines import node_engine
from lab.topology import machine_named
from runbook.domain.locks import LEASE, LockRecord
from runbook.remote.locks import lock_key
from runbook.remote.registry_images import build_image
from runbook.remote.unfinished import unfinished_restore
from runbook.remote.vault import NotThereError
from runbook.remote.waiting import wait_until
from tests.e2e.cluster_files import changed_file
from tests.e2e.runs import Ended, end, runbook, start
from tests.e2e.world import World, look
from tests.lab_cluster import LabCluster

pytestmark = pytest.mark.e2e
WHY = "the bucket was lost with all its images"
FORCED = ("restore", "--force-reason", WHY, "--approve", "a test")
LATE = "admin/one:late"
_ASIDE = re.compile(
    r"(?P<node>dtr\d): set aside data of (?P<id>[0-9a-f]{12}) in volume (?P<volume>set-aside-\S+)"
)


@dataclass(frozen=True)
class Told:
    """A restore, the world before and after it, and where it says that it set data aside: volume -> node."""

    before: World
    ended: Ended
    after: World
    aside: Mapping[str, str]


@pytest.fixture(scope="module")
def lone(tmp_path_factory) -> Path:
    """A cluster file that wants one replica."""
    return changed_file(tmp_path_factory.mktemp("lone"), lambda content: content.update(replicas=1))


@pytest.fixture(scope="module")
def restored(ruined) -> LabCluster:
    """Three replicas after a restore that met no remains, and an image pushed since."""
    ended = runbook("restore", "--approve", "a test", cluster=ruined.file)
    assert ended.status == 0, ended.stderr
    _push_late(ruined)
    return ruined


@pytest.fixture(scope="module")
def forced(restored, lone) -> Told:
    """A forced restore over a living replica, a stopped one, and one of which only the volumes are left."""
    _stop_containers("dtr2")
    _remove_containers("dtr3")
    before = look(restored)
    ended = runbook(*FORCED, cluster=lone)
    return Told(before, ended, look(restored), _aside(ended.stderr))


@pytest.fixture(scope="module")
def killed(forced, restored, lone) -> Told:
    """A forced restore over a living replica that is killed as soon as it has set it aside."""
    before = look(restored)
    process = start(*FORCED, "--cluster", str(lone))
    said = ""
    while not _aside(said):
        line = process.stderr.readline()
        assert line, f"it ended before it could be killed:\n{said}"
        said += line
    os.kill(process.pid, signal.SIGKILL)
    ended = end(process)
    return Told(before, ended, look(restored), _aside(said))


@pytest.fixture(scope="module")
def resumed(killed, restored, lone) -> Told:
    """The same restore once more, unforced, when the lease of the dead one's lock has ended."""
    _wait_for_lease(restored)
    before = look(restored)
    ended = runbook("restore", "--approve", "a test", cluster=lone)
    return Told(before, ended, look(restored), _aside(ended.stderr))


def test_a_forced_restore_says_why_and_what_will_be_lost(forced):
    assert forced.ended.status == 0, forced.ended.stderr
    said = " ".join(forced.ended.stdout.split())
    assert f"forced: {WHY}" in said
    assert "approved by a test" in said
    assert "storage shows pushes to admin/one" in said


def test_the_old_data_of_every_replica_is_in_a_volume_of_its_own(forced):
    assert set(forced.aside.values()) == {"dtr1", "dtr2", "dtr3"}
    for volume, node in forced.aside.items():
        assert_keeps_a_replica(node, volume)


def test_no_old_container_is_left_and_no_volume_but_those_of_the_living(forced):
    old = {identifier for _, _, identifier in forced.before.containers}
    new = {identifier for _, name, identifier in forced.after.containers if name.startswith("dtr-")}
    assert new
    assert not new & old
    assert _with_volumes(forced.after) == forced.after.replicas
    assert len(_with_volumes(forced.before) & forced.after.replicas) == 1  # the id of the point


def test_the_registry_serves_what_the_point_knew_and_nothing_later(forced, restored):
    assert (len(forced.after.replicas), len(forced.after.points)) == (1, 3)
    assert forced.after.left_over == []
    _assert_serves(restored)


def test_a_restore_that_was_killed_is_on_record_and_has_deleted_no_data(killed, restored):
    assert killed.ended.status == -signal.SIGKILL
    connection = restored.connect()
    try:
        left = unfinished_restore(connection.vault, connection.name)
    finally:
        connection.close()
    assert left
    assert left.point == killed.before.points[-1]
    assert len(killed.aside) == 1
    for volume, node in killed.aside.items():
        assert_keeps_a_replica(node, volume)


def test_the_same_restore_finishes_what_the_killed_one_began(resumed, restored):
    assert resumed.ended.status == 0, resumed.ended.stderr
    assert "did not finish" in resumed.ended.stderr
    assert len(resumed.after.replicas) == 1
    assert [key for key in resumed.after.vault if key.startswith("lab/restores/")] == []
    assert resumed.after.left_over == []
    _assert_serves(restored)


def test_what_the_killed_one_set_aside_is_still_there(killed, resumed, forced):
    for volume, node in {**forced.aside, **killed.aside}.items():
        assert (node, volume) in resumed.after.volumes
        assert_keeps_a_replica(node, volume)


def _push_late(cluster: LabCluster) -> None:
    connection = cluster.connect()
    try:
        with connection.registry as registry:
            registry.push_image(LATE, build_image([b"late" * 4096]))
    finally:
        connection.close()


def _assert_serves(cluster: LabCluster) -> None:
    """Check that the images of before are pulled by digest, and that the late one is gone."""
    connection = cluster.connect()
    try:
        with connection.registry as registry:
            for name in ("one", "two"):
                image = build_image([name.encode() * 4096])
                assert registry.pull_image(f"admin/{name}@{image.digest}").digest == image.digest
            assert registry.head_manifest(LATE) is None
    finally:
        connection.close()


def _stop_containers(node: str) -> None:
    """Leave no container of a registry running on the node."""
    with _engine(node) as engine:
        for container in _of_registry(engine):
            container.stop(timeout=1)


def _remove_containers(node: str) -> None:
    """Leave nothing but volumes of a registry on the node."""
    with _engine(node) as engine:
        for container in _of_registry(engine):
            container.remove(force=True)


@contextmanager
def _engine(node: str) -> Iterator[DockerClient]:
    with commands.open_lab() as lab, node_engine(lab.topology, machine_named(node)) as engine:
        yield engine


def _of_registry(engine: DockerClient) -> list[Container]:
    return [each for each in engine.containers.list(all=True) if str(each.name).startswith("dtr-")]


def _with_volumes(world: World) -> frozenset[str]:
    """Return the ids of the replicas that have a volume."""
    return frozenset(name[-12:] for _, name in world.volumes if name.startswith("dtr-"))


def _aside(said: str) -> dict[str, str]:
    """Return what a log says was set aside: volume -> node."""
    return {found["volume"]: found["node"] for found in _ASIDE.finditer(said)}


def assert_keeps_a_replica(node: str, volume: str) -> None:
    """Check that the database's member and the authority's certificate lie in a volume that was set aside."""
    replica = volume.split("-")[2]
    with commands.open_lab() as lab:
        place = f"/var/lib/docker/volumes/{volume}/_data"
        listed = lab.container(machine_named(node)).exec_run(["find", place, "-type", "f", "-size", "+0"])
    files = [line.removeprefix(f"{place}/") for line in listed.output.decode().splitlines()]
    assert {f"dtr-rethink-{replica}/member/snap/db", f"dtr-ca-{replica}/cert.pem"} <= set(files)


def _wait_for_lease(cluster: LabCluster) -> None:
    """Return once nobody holds the cluster any more."""
    connection = cluster.connect()

    def why_held() -> str | None:
        try:
            record = LockRecord.from_json(connection.vault.get_bytes(lock_key(connection.name)))
        except NotThereError:
            return None
        return f"{record.owner} holds it" if record.until > datetime.now(UTC) else None

    try:
        wait_until(why_held, where=connection.name, timeout=LEASE.total_seconds() + 10, poll=0.5)
    finally:
        connection.close()
