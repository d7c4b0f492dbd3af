"""One cluster's life, told once for all tests: bare, installed, replicated, ruined.

The modules are named so that they come in this order; each can be run alone.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import commands, prefect_services
from lab.demo.deployed_runs import DeployedRun
from lab.schedules import schedules_paused
from runbook.domain.health import why_not_healthy_cluster
from runbook.domain.versions import garbage_collection_actions
from runbook.remote.locks import lock_key
from runbook.remote.registry_images import build_image
from runbook.remote.waiting import wait_until
from tests.e2e.cluster_files import Change, changed_file
from tests.e2e.runs import Ended, deployed, runbook
from tests.e2e.secrets_of_the_lab import CommandLines
from tests.e2e.vault_gate import gate
from tests.lab_cluster import LabCluster

SUNDAY_NIGHT: Mapping[str, Any] = {
    "schedule": "0 0 3 * * 0",
    "deadline": "3h",
    "stopTimeout": "5m",
    "retries": 2,
    "parameters": {"verbose": "1"},
    "capacityMap": {"onlinegc": 1},
}
"""When garbage collection runs; nothing of it is a registry's default."""
_REPOSITORIES = ("one", "two")


@dataclass(frozen=True)
class Installed:
    """A cluster with one replica, two images and one recovery point, and what was seen while it was made."""

    cluster: LabCluster
    runs: tuple[DeployedRun, ...]
    command_lines: CommandLines


@dataclass(frozen=True)
class Replicated:
    """A cluster with three replicas, what a second runbook met while the first still held it, and what was seen."""

    cluster: LabCluster
    first: DeployedRun
    second: Ended
    command_lines: CommandLines


@pytest.fixture(scope="session", autouse=True)
def only_started_runs(lab_cluster: LabCluster) -> Iterator[None]:
    """No run begins by itself: the nightly backup would be one recovery point more."""
    with schedules_paused(prefect_services.api_url()):
        yield


@pytest.fixture(scope="session")
def bare(lab_cluster: LabCluster) -> LabCluster:
    """No registry, no image, no recovery point."""
    lab_cluster.reset()
    return lab_cluster


@pytest.fixture(scope="session")
def installed(bare: LabCluster) -> Installed:
    """One replica with two images, garbage collection scheduled, and one recovery point."""
    with CommandLines() as seen:
        first = deployed("install/on-demand")
        assert first.state == "Completed", first
        _fill(bare)
        backup = deployed("backup/nightly")
        assert backup.state == "Completed", backup
    return Installed(bare, (first, backup), seen)


@pytest.fixture(scope="session")
def replicated(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Replicated:
    """Three replicas; before the run that made them gave the cluster back, a backup was started and ended."""
    cluster = installed.cluster
    endpoint = str(cluster.settings.vault.endpoint)
    key = lock_key(cluster.settings.name)
    with CommandLines() as seen, gate(endpoint, key) as way, ThreadPoolExecutor(1) as pool:
        folder = tmp_path_factory.mktemp("gate")
        file = changed_file(folder, lambda content: content["vault"].update(endpoint=way.url))
        first = pool.submit(deployed, "scale-out/on-demand", file)
        try:
            _wait_for_lock(cluster)
            second = runbook("backup", cluster=cluster.file)
        finally:
            way.open()
        assert first.result().state == "Completed", first.result()
    return Replicated(cluster, first.result(), second, seen)


@pytest.fixture(scope="session")
def ruined(installed: Installed) -> LabCluster:
    """A recovery point, and no replica left."""
    commands.break_fault("replicas-destroyed")
    return installed.cluster


@pytest.fixture
def altered(tmp_path: Path, lab_cluster: LabCluster) -> Any:
    """Return a function that makes a cluster file unlike the lab's."""

    def alter(change: Change) -> Path:
        return changed_file(tmp_path, change)

    return alter


@contextmanager
def fault(name: str, *nodes: str) -> Iterator[None]:
    """Make a fault for the block, and heal it."""
    commands.break_fault(name, *nodes)
    try:
        yield
    finally:
        commands.heal_fault(name, *nodes)


def _fill(cluster: LabCluster) -> None:
    connection = cluster.connect()
    try:
        with connection.admin as admin, connection.registry as registry:
            for name in _REPOSITORIES:
                admin.create_repository("admin", name, visibility="private")
                registry.push_image(f"admin/{name}:1.0", build_image([name.encode() * 4096]))
            for action in garbage_collection_actions(connection.version):
                admin.set_cron({"action": action, **SUNDAY_NIGHT})
    finally:
        connection.close()


def wait_until_healthy(cluster: LabCluster) -> None:
    """Return once every replica is healthy again."""
    connection = cluster.connect()
    try:
        wait_until(
            lambda: why_not_healthy_cluster(connection.observe()),
            where=connection.name,
            timeout=120,
            poll=0.5,
        )
    finally:
        connection.close()


def _wait_for_lock(cluster: LabCluster) -> None:
    connection = cluster.connect()
    try:
        wait_until(
            lambda: None if connection.vault.head(lock_key(connection.name)) else "nobody holds the cluster",
            where=connection.name,
            timeout=120,
            poll=0.2,
        )
    finally:
        connection.close()
