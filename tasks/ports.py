"""The network between the machines: each port of the vendor's table, tried from the machine that calls it."""

import logging
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.external_url import HTTP, HTTPS
from blocks.proxy import ProxySettings
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, Level, from_error
from runbook.domain.port_findings import WHERE
from runbook.domain.port_matrix import (
    Path,
    Service,
    Tried,
    paths_between,
    paths_of_balancer,
    paths_to,
)
from runbook.domain.proxy_bypass import is_direct
from runbook.domain.topology import NodeRole, NodeSpec
from runbook.remote.node_probe import probe_node
from runbook.remote.port_probe import try_paths
from tasks.policy import step

logger = logging.getLogger(__name__)
_SCHEMES = {"http": HTTP, "https": HTTPS}


def wanted_paths(cluster: ClusterConnection, addresses: Mapping[str, str]) -> Mapping[str, tuple[Path, ...]]:
    """Return by source every path between the nodes of `addresses`, and to storage and control plane.

    The addresses are those at which the nodes reach each other, which may be others than SSH uses.
    """
    settings = cluster.settings
    nodes = [NodeSpec(n.name, addresses[n.name], n.role) for n in settings.nodes if n.name in addresses]
    registry = [node for node in nodes if node.role is NodeRole.REGISTRY]
    http, https = settings.registry.http_port, settings.registry.https_port
    paths = list(paths_between(nodes, replica_port=https))
    if haproxy := settings.load_balancer.haproxy:  # another kind is no machine that could try
        paths += paths_of_balancer(haproxy.name, registry, https=https, http=http)
    paths += paths_to(_server("control plane", settings.control_plane.url, "control plane"), nodes)
    if storage := _storage(cluster):
        paths += paths_to(storage, registry)
    sources = dict.fromkeys(path.source for path in paths)
    return {source: tuple(path for path in paths if path.source == source) for source in sources}


def _storage(cluster: ClusterConnection) -> Service | None:
    """Return what registry nodes connect to for their images, None where that is nothing, or is not known here."""
    storage, proxy = cluster.settings.storage, cluster.settings.registry.proxy
    if storage.s3:
        endpoint = storage.s3.endpoint or f"https://s3.{storage.s3.region}.amazonaws.com"
        direct = _server("storage", endpoint, "S3")
        if proxy is None or is_direct(direct.address, direct.port, proxy.no_proxy or ""):
            return direct
        return _proxied(direct, proxy, urlsplit(endpoint).scheme)
    if storage.nfs:
        return Service("storage", *storage.nfs.server, "NFS")
    return None


def _proxied(storage: Service, proxy: ProxySettings, scheme: str) -> Service | None:
    """Return the proxy in place of a storage that is reached through it; its URL may hold a password."""
    try:
        url = proxy.url_for(scheme)
        return _server("proxy", url.get_secret_value(), "proxy to S3") if url else storage
    except (RunbookError, ValueError):  # this machine need not know it; what is odd in it may be a password
        logger.warning("the way to the storage is not tried: registry.proxy names none that is known here")
        return None


def _server(name: str, url: str, purpose: str) -> Service:
    place = urlsplit(url if "://" in url else f"https://{url}")
    return Service(name, place.hostname or "", place.port or _SCHEMES.get(place.scheme, HTTPS), purpose)


@step("ports of the plan")
def paths_of(cluster: ClusterConnection, nodes: Collection[str]) -> Mapping[str, tuple[Path, ...]]:
    """Return by source every path that replicas on `nodes` need, at the addresses that nodes use among themselves.

    Managers are left out: another one does for one that is barred.
    """
    configured = {node.name: node.address for node in cluster.registry_nodes}
    return wanted_paths(
        cluster,
        {
            name: probe_node(cluster.ssh(name), cluster.bootstrapper_image).address or configured[name]
            for name in nodes
        },
    )


@step("try ports from {source}")
def try_ports(
    cluster: ClusterConnection, source: str, paths: Sequence[Path]
) -> tuple[tuple[Tried, ...], tuple[Finding, ...]]:
    """Return what came of each path from one machine; one that cannot try them is a finding."""
    try:
        tried = try_paths(cluster.ssh(source), paths)
    except RunbookError as error:
        unknown = Finding(
            Level.WARNING,
            WHERE,
            f"ports were not tried from {source}",
            "see what is said of it, then run again",
        )
        return (), (from_error(error, Level.WARNING), unknown)
    closed = sum(each.why_not is not None for each in tried)
    get_run_logger().info("%s: %s paths tried, %s of them closed", source, len(tried), closed)
    return tried, ()
