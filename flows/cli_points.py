"""`runbook points`: the recovery points in the vault."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from flows.cli_options import Cluster
from flows.cli_verify import verify_command
from flows.copy_column import copies_of
from flows.points_table import points_table
from runbook.domain.access import Role
from runbook.domain.recovery import select_point
from runbook.domain.recovery_json import manifest_to_json
from runbook.remote.pins import read_pins
from runbook.remote.recovery_points import list_with_gone

points = typer.Typer(no_args_is_help=True, help="Recovery points in the vault.")
WIDE = 140
"""Columns that the list may take: a narrower terminal breaks its lines, and no word of it."""


@points.command("list")
def list_command(cluster: Cluster) -> None:
    """Show all recovery points, oldest first."""
    with connected(cluster) as connection:
        vault, name = connection.vault_as(Role.VERIFIER), connection.name
        found, pins = list_with_gone(vault, name), read_pins(vault, name)
        table = points_table(found, datetime.now(UTC), pins, copies_of(connection))
    console = Console()
    console.width = max(console.width, WIDE)
    console.print(table)


@points.command("show")
def show_command(
    point: Annotated[str, typer.Argument(help="Its id or an unambiguous beginning of it.")], cluster: Cluster
) -> None:
    """Show the manifest of one point, named by its id or an unambiguous beginning of it."""
    with connected(cluster) as connection:
        manifest = select_point(list_with_gone(connection.vault_as(Role.VERIFIER), connection.name), point)
    typer.echo(manifest_to_json(manifest).decode())


points.command("verify")(verify_command)


@contextmanager
def connected(cluster: str) -> Iterator[ClusterConnection]:
    """Connect to the cluster inside the block."""
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        yield connection
    finally:
        connection.close()
