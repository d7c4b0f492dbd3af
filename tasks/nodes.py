"""The nodes: reachable with the pinned key, engine, clock, disk, images, ports, no foreign workload."""

from collections.abc import Mapping
from dataclasses import dataclass

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.image_source import ImageSourceSettings
from blocks.ssh_access import NodeSettings
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error
from runbook.domain.image_advice import how_to_bring
from runbook.domain.node_facts import NodeFacts, WantedImage, judge_node
from runbook.domain.topology import NodeRole
from runbook.domain.vendor_rules import judge_nodes_together
from runbook.remote.node_probe import probe_node
from tasks.policy import step


@dataclass(frozen=True)
class NodeLook:
    """What was found on one node; without facts it was not looked at, and a finding says why."""

    name: str
    findings: tuple[Finding, ...]
    facts: NodeFacts | None = None


@step("check node {node.name}")
def check_node(cluster: ClusterConnection, node: NodeSettings, *, ask_pull: bool = False) -> NodeLook:
    """Return what was found on one node; an unreachable one is a finding, not a failure."""
    pulled_as = _pulled_as(cluster) if ask_pull else ""
    try:
        facts = probe_node(cluster.ssh(node.name), cluster.bootstrapper_image, pulled_as=pulled_as)
    except RunbookError as error:
        look = NodeLook(node.name, (from_error(error),))
    else:
        look = NodeLook(node.name, _judge(cluster, node, facts), facts)
    for finding in look.findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return look


def _judge(cluster: ClusterConnection, node: NodeSettings, facts: NodeFacts) -> tuple[Finding, ...]:
    registry, images, image = node.role is NodeRole.REGISTRY, _images(cluster), cluster.bootstrapper_image
    bring = how_to_bring(image, images.source(), archive=bool(images.archive))
    wanted = WantedImage(image, str(cluster.version), bring)
    ports = cluster.ports.both if registry else ()
    return judge_node(node.name, facts, image=wanted, dedicated=registry, ports=ports)


def _pulled_as(cluster: ClusterConnection) -> str:
    """Return the name that the image is pulled by, empty where it is not, or where the pull alone logs in."""
    images = _images(cluster)
    return "" if images.archive or images.user else images.source().name_of(cluster.bootstrapper_image)


def _images(cluster: ClusterConnection) -> ImageSourceSettings:
    return cluster.settings.registry.images or ImageSourceSettings()


@step("check nodes together")
def check_nodes_together(_cluster: ClusterConnection, seen: Mapping[str, NodeFacts]) -> tuple[Finding, ...]:
    """Return what the nodes that were looked at differ in and should not."""
    return judge_nodes_together(seen)
