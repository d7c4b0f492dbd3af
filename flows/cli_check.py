"""`runbook check`: all findings as a table, or as JSON for a program."""

from typing import Annotated

import typer

from flows.check import check
from flows.cli_options import Cluster
from flows.cli_report import show
from runbook.domain.findings import error_for, to_json

Looks = Annotated[bool, typer.Option("--plan", help="Taken as by the others; check never changes anything.")]
Json = Annotated[bool, typer.Option("--json", help="Print the findings as JSON, and nothing else.")]


def check_command(cluster: Cluster, _plan: Looks = False, json: Json = False) -> None:
    """Look at everything, change nothing, show all findings at once; with --plan too, for it is only a look."""
    report = check(cluster, fail_if_blocked=False)
    if json:
        typer.echo(to_json(report.findings))
    else:
        show(report)
    if error := error_for(report.findings):
        raise error
