"""The storage as each replica has it: all of them must keep images in one place."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, Level, not_judged
from runbook.domain.node_facts import NodeFacts
from runbook.domain.storage_settings import place_in
from runbook.domain.vendor_rules import REPLICAS_STORAGE, judge_same_storage
from tasks.policy import step

_SETTINGS = ("storageVolume", "nfsHost", "nfsPath")


@step("check storage of each replica")
def check_replica_storage(cluster: ClusterConnection, seen: Mapping[str, NodeFacts]) -> tuple[Finding, ...]:
    """Return whether all replicas of the nodes that were looked at keep images in the same place.

    What a replica says of itself counts, and what is mounted into it.
    """
    nodes = [name for name, facts in seen.items() if facts.storage_mounts]
    if len(nodes) <= 1:
        return ()
    try:
        with ThreadPoolExecutor(max_workers=len(nodes)) as pool:
            said = dict(zip(nodes, pool.map(lambda node: _of(cluster, node, seen[node]), nodes), strict=True))
        findings = judge_same_storage(said)
    except RunbookError as error:
        findings = tuple(
            Finding(
                Level.WARNING, f.where, f.what, f.next_step, f.error
            )  # a sick replica is judged elsewhere
            for f in not_judged(REPLICAS_STORAGE, error)
        )
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings


def _of(cluster: ClusterConnection, node: str, facts: NodeFacts) -> dict[str, str]:
    """Return what the replica on the node says of its storage, without keys, and what is mounted there."""
    with cluster.admin_on(node) as admin:
        settings, document = admin.settings().all, admin.storage_settings()
    place = place_in(document)
    kinds = ", ".join(sorted((document.get("storage") or {}).keys() - {"delete", "maintenance"}))
    named = {key: str(settings.get(key) or "nothing") for key in _SETTINGS}
    bucket = f"{place} at {place.endpoint or 'AWS'}" if place else kinds
    return {**named, "storage": bucket, "mount": ", ".join(facts.storage_mounts.values())}
