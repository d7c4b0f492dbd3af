from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect import Task
from prefect.logging import disable_run_logger

from flows.preflight import look, preflight
from runbook.domain.commands import ReplicaPorts
from runbook.domain.errors import RefusedError
from runbook.domain.findings import Level
from runbook.domain.topology import NodeSpec
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.local_connection import LocalConnection
from tests.fakes.runs import DirectRun, Done

_DOCKER = """
case "$1 $2" in
  "info --format") printf '%s\\n{name}\\n/\\n127.0.0.1\\n' {engine} ;;
  "image inspect") echo "present " ;;
  "ps -a") printf '{container}' ;;
  *) exit 2 ;;
esac
"""
_SS = """printf 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\\n'"""


@dataclass
class NodesHere(FakeCluster):
    """A cluster all of whose machines are this one; each node has the engine and the container it is given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports = ReplicaPorts()  # type: ignore[assignment]
        self.registry_nodes = tuple(NodeSpec(n.name, n.address, n.role) for n in self.settings.registry_nodes)
        self.folder.mkdir()
        self.engines: dict[str, str] = {}
        self.container: dict[str, str] = {}
        self.connections: dict[str, LocalConnection] = {}
        self.settings.control_plane.url = "https://127.0.0.1"
        assert self.settings.storage.s3
        self.settings.storage.s3.endpoint = "http://127.0.0.1:9"

    def ssh(self, name: str) -> Any:
        """Return the node's connection, the same one each time."""
        if name not in self.connections:
            folder = self.folder.parent / f"{self.folder.name}-{name}"
            folder.mkdir()
            node = LocalConnection(folder, name)
            engine, container = self.engines.get(name, "20.10.24"), self.container.get(name, "")
            node.program("docker", _DOCKER.format(name=name, engine=engine, container=container))
            node.program("ss", _SS)
            self.connections[name] = node
        return self.connections[name]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Task, "submit", lambda task, *args, **options: Done(task.fn(*args, **options)))
    with disable_run_logger():
        yield NodesHere(tmp_path / "vault")


def places(cluster: NodesHere, **asked: bool) -> set[str]:
    run = DirectRun("check", cluster)
    look(run, **asked)
    return {found.where for found in run.report.findings}


def test_the_look_of_every_runbook_tries_no_port_and_judges_no_replica(cluster: NodesHere) -> None:
    seen = places(cluster)
    assert {node.name for node in cluster.settings.nodes} < seen
    assert not {"network", "registry"} & seen
    assert {connection.count for connection in cluster.connections.values()} == {1}


def test_ports_are_tried_from_every_node_and_the_load_balancer_where_asked(cluster: NodesHere) -> None:
    run = DirectRun("install", cluster)
    look(run, ports=True)
    (network,) = [found for found in run.report.findings if found.where == "network"]
    assert network.level is Level.OK
    assert "tried from 6 machines" in network.what


def test_replicas_are_judged_where_asked(cluster: NodesHere) -> None:
    assert "registry" in places(cluster, replicas=True)


def test_what_nodes_differ_in_is_seen_by_every_runbook(cluster: NodesHere) -> None:
    cluster.engines["msr-2"] = "23.0.1"
    assert "nodes" in places(cluster)


def test_a_taken_port_refuses_a_new_replica_and_no_backup(cluster: NodesHere) -> None:
    cluster.container["msr-2"] = r"dtr-old\tUp 3 days\t\t0.0.0.0:443->443/tcp\n"
    with pytest.raises(RefusedError, match="msr-2: port 443 is taken by container dtr-old") as refused:
        preflight(DirectRun("install", cluster))
    assert "msr-2" in {found.where for found in refused.value.findings if found.level is Level.BLOCKS}
    preflight(DirectRun("backup", cluster), losable=True, only_reads=True)
