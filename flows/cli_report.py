"""How a report is shown at a terminal."""

from collections.abc import Sequence
from typing import ClassVar

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.table import Table

from runbook.domain.findings import Finding, Level, grouped
from runbook.domain.report import Report, findings_table


class FoldedTable(TableElement):
    """A table that folds a word which is wider than its column, and cuts none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table as it is drawn."""
        for part in super().__rich_console__(console, options):
            for column in part.columns if isinstance(part, Table) else ():
                column.overflow = "fold"
            yield part


class Page(Markdown):
    """A Markdown page none of whose tables loses a letter."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "table_open": FoldedTable}


def show(report: Report, as_json: bool = False) -> None:
    """Print the report, or its plan alone as JSON."""
    if as_json and report.plan:
        typer.echo(report.plan.to_json())
    else:
        Console().print(Page(report.to_markdown()))


def show_refused(findings: Sequence[Finding]) -> None:
    """Print what a refused runbook found that is not as it should be, beside its error; nothing where it found none.

    Standard output is left to what a program reads.
    """
    wrong = [found for found in findings if found.level is not Level.OK]
    if wrong:
        Console(stderr=True).print(Page(findings_table(grouped(wrong))))
