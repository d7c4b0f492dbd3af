"""The control plane: answers, lets us in, knows every node."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.control_plane import judge_membership
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error, ok
from tasks.policy import step


@step("check control plane")
def check_control_plane(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the control plane answers, accepts the login and has every node of the cluster file."""
    try:
        cluster.control_plane.login()
        members = {node.name: node.state for node in cluster.control_plane.nodes()}
    except RunbookError as error:
        findings: tuple[Finding, ...] = (from_error(error),)
    else:
        wanted = [node.name for node in cluster.settings.nodes]
        findings = judge_membership(wanted, members) or (
            ok("control plane", f"{cluster.settings.control_plane.url} knows all {len(wanted)} nodes"),
        )
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings
