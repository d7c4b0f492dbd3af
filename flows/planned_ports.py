"""The ports that the replicas of a plan will use, and no other: what bars another node stops nothing."""

from flows.preflight import Checked, judge
from flows.run import After, Run
from runbook.domain.findings import without_repeats
from runbook.domain.port_findings import judge_paths
from runbook.domain.restore_plan import nodes_of_replicas
from tasks.ports import paths_of, try_ports


def check_planned_ports(run: Run, after: After) -> Checked:
    """Return once the nodes of the plan's replicas reach what these need; one error names all that they do not."""
    assert run.report.plan
    paths = run.step(paths_of, nodes_of_replicas(run.report.plan), after=after)
    tries = run.together(try_ports, paths.result().items(), after=[paths])
    results = [each.result() for each in tries]
    tried = [path for listed, _ in results for path in listed]
    found = (*judge_paths(tried), *(finding for _, findings in results for finding in findings))
    run.report.findings = without_repeats((*run.report.findings, *found))
    return [run.step(judge, found, after=tries)]
