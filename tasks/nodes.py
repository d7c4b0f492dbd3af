"""The nodes: reachable with the pinned key, engine, clock, disk, images, no foreign workload."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.ssh_access import NodeSettings
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error
from runbook.domain.node_facts import NodeFacts, judge_node
from runbook.domain.topology import NodeRole
from runbook.remote.node_probe import probe_node
from tasks.policy import step


@step("check node {node.name}")
def check_node(cluster: ClusterConnection, node: NodeSettings) -> tuple[Finding, ...]:
    """Return what was found on one node; an unreachable one is a finding, not a failure."""
    try:
        facts = probe_node(cluster.ssh(node.name), cluster.bootstrapper_image)
    except RunbookError as error:
        findings: tuple[Finding, ...] = (from_error(error),)
    else:
        findings = _judge(cluster, node, facts)
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings


def _judge(cluster: ClusterConnection, node: NodeSettings, facts: NodeFacts) -> tuple[Finding, ...]:
    return judge_node(
        node.name, facts, image=cluster.bootstrapper_image, dedicated=node.role is NodeRole.REGISTRY
    )
