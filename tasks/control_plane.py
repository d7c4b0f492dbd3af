"""The control plane: answers, lets us in, knows every node, lets the bootstrapper's containers run."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.control_plane import judge_membership
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error, ok
from runbook.domain.vendor_rules import judge_external_port, judge_roles, judge_scheduler
from tasks.policy import step


@step("check control plane")
def check_control_plane(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the control plane accepts the login, has every node and lets a replica be installed."""
    registry = cluster.settings.registry
    findings = judge_external_port(registry.server[1], registry.https_port)
    try:
        cluster.control_plane.login()
        findings += _judge(cluster)
    except RunbookError as error:
        findings += (from_error(error),)
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings


def _judge(cluster: ClusterConnection) -> tuple[Finding, ...]:
    members = cluster.control_plane.nodes()
    wanted = {node.name: node.role for node in cluster.settings.nodes}
    findings = (
        *judge_membership(list(wanted), {node.name: node.state for node in members}),
        *judge_roles(wanted, frozenset(node.name for node in members if node.role == "manager")),
        *judge_scheduler(cluster.control_plane.admins_may_deploy_anywhere()),
    )
    fine = f"{cluster.settings.control_plane.url} knows all {len(wanted)} nodes"
    return findings or (ok("control plane", fine),)
