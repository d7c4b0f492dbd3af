"""The beginning of every runbook: look at everything at once, refuse with all reasons at once."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture

from blocks.connection import ClusterConnection
from flows.run import Run
from runbook.domain.errors import ForeignFileError
from runbook.domain.findings import Finding, error_for, lower, spare, tolerate, without_repeats
from runbook.domain.node_facts import NodeFacts
from runbook.domain.port_findings import judge_paths
from runbook.domain.report import Phase
from tasks.control_plane import check_control_plane
from tasks.control_plane_backup import check_control_plane_backup
from tasks.copies import check_copies
from tasks.load_balancer import check_load_balancer
from tasks.nodes import check_node, check_nodes_together
from tasks.policy import step
from tasks.ports import try_ports, wanted_paths
from tasks.replica_storage import check_replica_storage
from tasks.replicas import check_replicas
from tasks.storage import check_storage
from tasks.vault import check_vault
from tasks.version_images import check_older_images

Checked = list[PrefectFuture[None]]
Futures = list[PrefectFuture[Any]]
Checks = Sequence[Task[[ClusterConnection], tuple[Finding, ...]]]


def preflight(
    run: Run,
    *,
    losable: bool = False,
    only_reads: bool = False,
    ports: bool = False,
    also: Checks = (),
) -> Checked:
    """Look at everything and raise one error that names every finding that blocks; changes nothing.

    Where nodes are `losable`, registry nodes may be unreachable, and managers as long as one is not: a restore is
    for that, and a backup needs a majority of the replicas alone. A runbook that `only_reads` does not need its
    nodes fit for a new replica either, and leaves the load balancer be. Asked for `ports`, it has the nodes try
    those between them, for a runbook that puts a replica on one.
    """
    looked = look(run, ports=ports, also=also)
    if losable:
        managers = [node.name for node in run.cluster.settings.managers]
        nodes = {node.name for node in run.cluster.registry_nodes} | spare(managers, run.report.findings)
        run.report.findings = tolerate(run.report.findings, nodes, only_reads=only_reads)
    if only_reads:
        run.report.findings = lower(run.report.findings, ForeignFileError)
    return [run.step(judge, run.report.findings, after=looked)]


def look(run: Run, *, ports: bool = False, replicas: bool = False, also: Checks = ()) -> Futures:
    """Check everything at once and leave the findings in the report; `ports` and `replicas` only where asked for.

    What a runbook needs beyond that is looked at `also`. What concerns several nodes waits for the look at each of
    them, and for nothing else.
    """
    begun = time.monotonic()
    cluster = run.cluster
    nodes = [check_node.submit(cluster, node, ask_pull=ports) for node in cluster.settings.nodes]
    checks: Futures = [
        check_control_plane.submit(cluster),
        check_control_plane_backup.submit(cluster),
        check_storage.submit(cluster),
        check_load_balancer.submit(cluster),
        check_vault.submit(cluster),
        check_copies.submit(cluster),
        check_older_images.submit(cluster),
        *([check_replicas.submit(cluster)] if replicas else []),
        *(check.submit(cluster) for check in also),
    ]
    looks = [node.result() for node in nodes]
    facts = {look.name: look.facts for look in looks if look.facts}
    checks.append(check_nodes_together.submit(cluster, facts))
    if replicas:
        checks.append(check_replica_storage.submit(cluster, facts))
    tries = _try_ports(cluster, facts) if ports else []
    run.report.findings = without_repeats(
        (
            *(finding for look in looks for finding in look.findings),
            *(finding for check in checks for finding in check.result()),
            *_judge_ports(tries),
        )
    )
    run.report.phases.append(Phase("checks", time.monotonic() - begun))
    return [*nodes, *checks, *tries]


def _try_ports(cluster: ClusterConnection, facts: Mapping[str, NodeFacts]) -> Futures:
    """Have each node that was looked at try its ports, at the addresses that nodes use among themselves."""
    configured = {node.name: node.address for node in cluster.settings.nodes}
    addresses = {name: seen.address or configured[name] for name, seen in facts.items()}
    paths = wanted_paths(cluster, addresses)
    return [try_ports.submit(cluster, source, listed) for source, listed in paths.items()]


def _judge_ports(tries: Futures) -> tuple[Finding, ...]:
    results = [each.result() for each in tries]
    tried = [path for paths, _ in results for path in paths]
    return (*judge_paths(tried), *(finding for _, findings in results for finding in findings))


@step("judge findings", retries=0)
def judge(_cluster: ClusterConnection, findings: Sequence[Finding]) -> None:
    """Raise one error that names every blocking finding; return when nothing blocks."""
    if error := error_for(findings):
        error.findings = tuple(findings)
        raise error
