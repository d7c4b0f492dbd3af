"""The beginning of every runbook: look at everything at once, refuse with all reasons at once."""

import time
from collections.abc import Sequence
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture

from blocks.connection import ClusterConnection
from flows.run import Run
from runbook.domain.errors import ForeignFileError
from runbook.domain.findings import Finding, error_for, lower, spare, tolerate, without_repeats
from runbook.domain.report import Phase
from tasks.control_plane import check_control_plane
from tasks.control_plane_backup import check_control_plane_backup
from tasks.copies import check_copies
from tasks.load_balancer import check_load_balancer
from tasks.nodes import check_node
from tasks.policy import step
from tasks.storage import check_storage
from tasks.vault import check_vault
from tasks.version_images import check_older_images

Checked = list[PrefectFuture[None]]


def preflight(
    run: Run,
    *,
    losable: bool = False,
    only_reads: bool = False,
    also: Sequence[Task[[ClusterConnection], tuple[Finding, ...]]] = (),
) -> Checked:
    """Look at everything and raise one error that names every finding that blocks; changes nothing.

    Where nodes are `losable`, registry nodes may be unreachable, and managers as long as one is not: a restore is
    for that, and a backup needs a majority of the replicas alone. A runbook that `only_reads` does not need its
    nodes fit for a new replica either, and leaves the load balancer be.
    """
    looked = look(run, also)
    if losable:
        managers = [node.name for node in run.cluster.settings.managers]
        nodes = {node.name for node in run.cluster.registry_nodes} | spare(managers, run.report.findings)
        run.report.findings = tolerate(run.report.findings, nodes, only_reads=only_reads)
    if only_reads:
        run.report.findings = lower(run.report.findings, ForeignFileError)
    return [run.step(judge, run.report.findings, after=looked)]


def look(
    run: Run, also: Sequence[Task[[ClusterConnection], tuple[Finding, ...]]] = ()
) -> list[PrefectFuture[Any]]:
    """Check nodes, control plane, storage, load balancer and vault at once; leave the findings in the report.

    What a runbook needs beyond that is looked at `also`.
    """
    begun = time.monotonic()
    checks = [
        *(check_node.submit(run.cluster, node) for node in run.cluster.settings.nodes),
        check_control_plane.submit(run.cluster),
        check_control_plane_backup.submit(run.cluster),
        check_storage.submit(run.cluster),
        check_load_balancer.submit(run.cluster),
        check_vault.submit(run.cluster),
        check_copies.submit(run.cluster),
        check_older_images.submit(run.cluster),
        *(check.submit(run.cluster) for check in also),
    ]
    run.report.findings = without_repeats(finding for check in checks for finding in check.result())
    run.report.phases.append(Phase("checks", time.monotonic() - begun))
    return list(checks)


@step("judge findings", retries=0)
def judge(_cluster: ClusterConnection, findings: Sequence[Finding]) -> None:
    """Raise one error that names every blocking finding; return when nothing blocks."""
    if error := error_for(findings):
        raise error
