"""The beginning of a runbook for clusters with dead nodes: what speaks against a node keeps replicas from it."""

from flows.preflight import Checked, Checks, judge, look
from flows.run import Run
from runbook.domain.findings import spare, tolerate
from runbook.domain.unfit import set_apart


def preflight_around(run: Run, also: Checks = ()) -> tuple[Checked, tuple[str, ...]]:
    """Look at everything; return the registry nodes that are unfit for a replica, and raise what blocks elsewhere."""
    looked = look(run, ports=True, also=also)
    managers = [node.name for node in run.cluster.settings.managers]
    names = {node.name for node in run.cluster.registry_nodes}
    tolerated = tolerate(run.report.findings, spare(managers, run.report.findings))
    run.report.findings, unfit = set_apart(tolerated, names)
    return [run.step(judge, run.report.findings, after=looked)], unfit
