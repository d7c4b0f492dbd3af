"""Options that many commands of `runbook` share."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.cluster import FILE_SUFFIXES, load_cluster
from flows.cli_server import server_or_none


def _usable(context: typer.Context, cluster: str) -> str:
    """Return the name; a file's mistakes are told before any Prefect server is looked for or started."""
    if Path(cluster).suffix in FILE_SUFFIXES:
        load_cluster(cluster)
    context.with_resource(server_or_none())
    return cluster


Cluster = Annotated[
    str,
    typer.Option("--cluster", help="Cluster file (*.yaml) or RegistryCluster block.", callback=_usable),
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would be done and touch nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print the plan as JSON, and touch nothing: as --plan.")]
