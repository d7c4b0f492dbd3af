"""Everything that a runbook could touch, seen from outside: to compare before and after."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from docker.errors import DockerException

from lab import commands, storage
from lab.faults import Lab
from lab.node_engines import node_engine
from lab.topology import BALANCER, NODES, Machine
from runbook.domain.holds import Crons
from runbook.remote.recovery_points import list_points
from tests.lab_cluster import LabCluster

_HAPROXY = "/etc/haproxy/haproxy.cfg"
_NODE_ANSWERS_WITHIN = 5


@dataclass(frozen=True)
class World:
    """Containers and volumes of all nodes that answer, both buckets, schedules, load balancer."""

    containers: frozenset[tuple[str, str, str]]  # node, name, id
    volumes: frozenset[tuple[str, str]]
    images: Mapping[str, str]  # object -> entity tag, of the storage
    vault: Mapping[str, str]
    uploads: tuple[str, ...]  # multipart uploads that were neither completed nor aborted
    points: tuple[str, ...]
    crons: Crons | None  # all that is set for them; None while no replica is healthy
    balancer: str

    @property
    def replicas(self) -> frozenset[str]:
        """Ids of the replicas that have containers."""
        return frozenset(name[-12:] for _, name, _ in self.containers if name.startswith("dtr-rethinkdb-"))

    @property
    def left_over(self) -> list[str]:
        """What a run that ended must not leave: containers of the bootstrapper, lock, hold, uploads."""
        containers = [
            n for _, n, _ in self.containers if n == "ucp" or n.startswith(("runbook-", "dtr-phase2"))
        ]
        records = [key for key in self.vault if key.startswith(("lab/locks/", "lab/holds/", "lab/.probe"))]
        return [*containers, *records, *self.uploads]


def look(cluster: LabCluster) -> World:
    """Return the world as it is now."""
    with commands.open_lab() as lab:
        with ThreadPoolExecutor(len(NODES)) as pool:
            nodes = list(pool.map(lambda node: _node(lab, node), NODES))
        balancer = lab.container(BALANCER).exec_run(["cat", _HAPROXY]).output.decode()
        client = storage.connect(lab.topology)
        try:
            images = dict(_objects(client, storage.STORAGE_BUCKET))
            found = _objects(client, storage.VAULT_BUCKET)
            vault = {
                k: tag for k, tag in found if not k.startswith("lab/verifications/")
            }  # what was looked at, and when
            uploads = client.list_multipart_uploads(Bucket=storage.VAULT_BUCKET).get("Uploads", [])
        finally:
            client.close()
    return World(
        containers=frozenset(container for containers, _ in nodes for container in containers),
        volumes=frozenset(volume for _, volumes in nodes for volume in volumes),
        images=images,
        vault=vault,
        uploads=tuple(upload["Key"] for upload in uploads),
        balancer=balancer,
        **_registry(cluster),
    )


def assert_nothing_lost(before: World, after: World) -> None:
    """Check that a failed run left replicas, points, schedules and balancer as they were, and no remains.

    It may have copied images to the vault (they are shared and write-once) and pushed a canary.
    """
    assert after.left_over == []
    assert after.containers == before.containers
    assert after.volumes == before.volumes
    assert after.points == before.points
    assert after.crons == before.crons
    assert after.balancer == before.balancer
    assert before.images.keys() <= after.images.keys()
    assert _without_blobs(after.vault) == _without_blobs(before.vault)


def _without_blobs(vault: Mapping[str, str]) -> dict[str, str]:
    return {key: tag for key, tag in vault.items() if not key.startswith("lab/blobs/")}


def _node(lab: Lab, node: Machine) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Return containers and volumes of a node; none if it does not answer."""
    try:
        with node_engine(lab.topology, node, timeout=_NODE_ANSWERS_WITHIN) as engine:
            containers = engine.containers.list(all=True, ignore_removed=True)
            volumes = engine.volumes.list()
    except (DockerException, OSError):
        return [], []
    return (
        [(node.name, str(container.name), str(container.id)) for container in containers],
        [(node.name, str(volume.id)) for volume in volumes],
    )


def _objects(client: Any, bucket: str) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for seen in page.get("Contents", []):
            yield seen["Key"], seen["ETag"]


def _registry(cluster: LabCluster) -> dict[str, Any]:
    """Return the published points, and the schedules as far as a replica tells them."""
    connection = cluster.connect()
    try:
        points = tuple(point.id for point in list_points(connection.vault, connection.name))
        crons = None
        if connection.observe().healthy:
            with connection.admin as admin:
                crons = admin.crons()
    finally:
        connection.close()
    return {"points": points, "crons": crons}
