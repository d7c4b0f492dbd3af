import pytest

from blocks.proxy import ProxySettings
from blocks.storage import NfsSettings, StorageSettings
from runbook.domain.findings import Level
from runbook.domain.port_matrix import Path
from tasks.ports import try_ports, wanted_paths
from tests.fakes.cluster_connection import FakeCluster

MANAGERS, REGISTRY = ("mke-1", "mke-2"), ("msr-1", "msr-2", "msr-3")


def places(cluster: FakeCluster) -> dict[str, str]:
    return {node.name: f"10.0.0.{number}" for number, node in enumerate(cluster.settings.nodes, 1)}


def of_service(cluster: FakeCluster, name: str) -> dict[str, tuple[str, int, str]]:
    """Return address, port and purpose of what stands apart, by who calls it."""
    wanted = wanted_paths(cluster, places(cluster))  # type: ignore[arg-type]
    return {
        source: (path.address, path.port, path.purpose)
        for source, paths in wanted.items()
        for path in paths
        if path.target == name
    }


def test_nodes_call_each_other_where_they_reach_each_other_and_not_where_we_do(cluster: FakeCluster) -> None:
    addresses = places(cluster)
    paths = wanted_paths(cluster, addresses)["msr-1"]  # type: ignore[arg-type]
    gossip = {path.target: path.address for path in paths if path.purpose == "gossip"}
    assert gossip == {name: place for name, place in addresses.items() if name != "msr-1"}


def test_a_node_that_was_not_looked_at_neither_calls_nor_is_called(cluster: FakeCluster) -> None:
    addresses = {name: place for name, place in places(cluster).items() if name != "msr-2"}
    wanted = wanted_paths(cluster, addresses)  # type: ignore[arg-type]
    assert "msr-2" not in wanted
    assert "msr-2" not in {path.target for paths in wanted.values() for path in paths}


def test_every_node_calls_the_control_plane(cluster: FakeCluster) -> None:
    called = of_service(cluster, "control plane")
    assert called == {node.name: ("mke.example.com", 443, "control plane") for node in cluster.settings.nodes}


def test_registry_nodes_alone_call_a_bucket_at_its_endpoint(cluster: FakeCluster) -> None:
    assert cluster.settings.storage.s3
    cluster.settings.storage.s3.endpoint = "http://store:9000"
    called = of_service(cluster, "storage")
    assert set(called.values()) == {("store", 9000, "S3")}
    assert set(called) == {node.name for node in cluster.settings.registry_nodes}


def test_a_bucket_without_endpoint_is_the_regions(cluster: FakeCluster) -> None:
    assert cluster.settings.storage.s3
    cluster.settings.storage.s3.endpoint = None
    region = cluster.settings.storage.s3.region
    called = of_service(cluster, "storage")
    assert set(called.values()) == {(f"s3.{region}.amazonaws.com", 443, "S3")}


def test_a_share_is_called_on_the_port_of_its_mount_options(cluster: FakeCluster) -> None:
    nfs = NfsSettings(url="nfs://nas/x", path="/mnt/x", options="rw,port=2050")
    cluster.settings.storage = StorageSettings(nfs=nfs)
    assert set(of_service(cluster, "storage").values()) == {("nas", 2050, "NFS")}


@pytest.fixture
def proxied(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """A cluster whose registry goes out through a proxy that asks for a password."""
    monkeypatch.setenv("REGISTRY_PROXY", "http://me:hunter2@proxy.example.com:3128")
    cluster.settings.registry.proxy = ProxySettings(
        http="http://proxy", https="env:REGISTRY_PROXY", no_proxy=".internal"
    )
    return cluster


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [(None, ("proxy.example.com", 3128)), ("http://store:9000", ("proxy", 80))],
)
def test_a_bucket_behind_a_proxy_is_called_at_the_proxy_of_its_scheme(
    proxied: FakeCluster, endpoint: str | None, where: tuple[str, int]
) -> None:
    assert proxied.settings.storage.s3
    proxied.settings.storage.s3.endpoint = endpoint
    assert of_service(proxied, "storage") == {}
    called = of_service(proxied, "proxy")
    assert set(called.values()) == {(*where, "proxy to S3")}
    assert set(called) == {node.name for node in proxied.settings.registry_nodes}


def test_a_bucket_that_no_proxy_names_is_called_itself(proxied: FakeCluster) -> None:
    assert proxied.settings.storage.s3
    proxied.settings.storage.s3.endpoint = "https://store.internal"
    assert set(of_service(proxied, "storage").values()) == {("store.internal", 443, "S3")}
    assert of_service(proxied, "proxy") == {}


@pytest.mark.parametrize("url", [None, "http://me:hunter2/"], ids=["not there", "a password for a port"])
def test_a_proxy_that_is_not_known_here_leaves_the_way_to_the_storage_untried(
    proxied: FakeCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str | None
) -> None:
    monkeypatch.delenv("REGISTRY_PROXY")
    if url:
        monkeypatch.setenv("REGISTRY_PROXY", url)
    assert proxied.settings.storage.s3
    proxied.settings.storage.s3.endpoint = None
    assert of_service(proxied, "storage") == of_service(proxied, "proxy") == {}
    assert of_service(proxied, "control plane")
    assert "is not tried" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_load_balancer_calls_each_registry_node_on_both_ports_of_its_replica(
    cluster: FakeCluster,
) -> None:
    cluster.settings.registry.https_port, cluster.settings.registry.http_port = 4443, 8080
    paths = wanted_paths(cluster, places(cluster))["lb-1"]  # type: ignore[arg-type]
    assert {(path.target, path.port, path.vital) for path in paths} == {
        (node.name, *port)
        for node in cluster.settings.registry_nodes
        for port in ((4443, True), (8080, False))
    }


def test_a_machine_that_cannot_try_its_ports_is_a_warning_and_no_failure(cluster: FakeCluster) -> None:
    bash = cluster.ssh("msr-1").folder / "bin" / "bash"
    bash.write_text("#!/bin/sh\nexit 127\n")
    bash.chmod(0o755)
    tried, findings = try_ports.fn(cluster, "msr-1", [Path("msr-1", "msr-2", "127.0.0.1", 1, "gossip")])  # type: ignore[arg-type]
    assert tried == ()
    assert [(found.where, found.level) for found in findings] == [
        ("msr-1", Level.WARNING),
        ("network", Level.WARNING),
    ]
