"""How a report is shown at a terminal."""

import typer
from rich.console import Console
from rich.markdown import Markdown

from runbook.domain.report import Report


def show(report: Report, as_json: bool = False) -> None:
    """Print the report, or its plan alone as JSON."""
    if as_json and report.plan:
        typer.echo(report.plan.to_json())
    else:
        Console().print(Markdown(report.to_markdown()))
