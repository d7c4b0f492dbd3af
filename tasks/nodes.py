"""The nodes: reachable with the pinned key, engine, clock, disk, images, ports, no foreign workload."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.external_url import HTTPS
from blocks.ssh_access import NodeSettings
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error
from runbook.domain.node_facts import NodeFacts, judge_node
from runbook.domain.topology import NodeRole
from runbook.domain.vendor_rules import judge_nodes_together
from runbook.remote.node_probe import probe_node
from tasks.policy import step

_HTTP = 80


@dataclass(frozen=True)
class NodeLook:
    """What was found on one node; without facts it was not looked at, and a finding says why."""

    name: str
    findings: tuple[Finding, ...]
    facts: NodeFacts | None = None


@step("check node {node.name}")
def check_node(cluster: ClusterConnection, node: NodeSettings, *, ask_pull: bool = False) -> NodeLook:
    """Return what was found on one node; an unreachable one is a finding, not a failure."""
    try:
        facts = probe_node(cluster.ssh(node.name), cluster.bootstrapper_image, ask_pull=ask_pull)
    except RunbookError as error:
        look = NodeLook(node.name, (from_error(error),))
    else:
        look = NodeLook(node.name, _judge(cluster, node, facts), facts)
    for finding in look.findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return look


def _judge(cluster: ClusterConnection, node: NodeSettings, facts: NodeFacts) -> tuple[Finding, ...]:
    registry = node.role is NodeRole.REGISTRY
    return judge_node(
        node.name,
        facts,
        image=cluster.bootstrapper_image,
        dedicated=registry,
        version=str(cluster.version),
        ports=_ports(cluster) if registry else (),
    )


def _ports(cluster: ClusterConnection) -> Collection[int]:
    return {cluster.ports.http or _HTTP, cluster.ports.https or HTTPS}


@step("check nodes together")
def check_nodes_together(_cluster: ClusterConnection, seen: Mapping[str, NodeFacts]) -> tuple[Finding, ...]:
    """Return what the nodes that were looked at differ in and should not."""
    return judge_nodes_together(seen)
