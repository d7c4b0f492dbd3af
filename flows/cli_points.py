"""`runbook points`: the recovery points in the vault."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from flows.cli_verify import verify_command
from runbook.domain.recovery import RecoveryPoint, select_point
from runbook.domain.recovery_json import manifest_to_json
from runbook.remote.catalogue import expected_points
from runbook.remote.recovery_points import list_points
from runbook.remote.vault import Vault

points = typer.Typer(no_args_is_help=True, help="Recovery points in the vault.")
WIDE = 120
"""Columns that the list may take: a narrower terminal breaks its lines, and no word of it."""
Cluster = Annotated[str, typer.Option("--cluster", help="Cluster file (*.yaml) or RegistryCluster block.")]


@points.command("list")
def list_command(cluster: Cluster) -> None:
    """Show all recovery points, oldest first."""
    with _connected(cluster) as connection:
        found = _with_lost(connection.vault, connection.name, list_points(connection.vault, connection.name))
    console = Console()
    console.width = max(console.width, WIDE)
    console.print(_table(found, datetime.now(UTC)))


@points.command("show")
def show_command(point: str, cluster: Cluster) -> None:
    """Show the manifest of one point, named by its id or an unambiguous beginning of it."""
    with _connected(cluster) as connection:
        manifest = select_point(list_points(connection.vault, connection.name), point)
    typer.echo(manifest_to_json(manifest).decode())


points.command("verify")(verify_command)


@contextmanager
def _connected(cluster: str) -> Iterator[ClusterConnection]:
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        yield connection
    finally:
        connection.close()


def _with_lost(vault: Vault, cluster: str, found: tuple[RecoveryPoint, ...]) -> list[RecoveryPoint]:
    """Return the points, and those that the catalogue names and nothing is left of."""
    lost = expected_points(vault, cluster) - {point.id for point in found}
    gone = (RecoveryPoint(name, None, "it is gone: the catalogue names it") for name in lost)
    return sorted((*found, *gone), key=lambda point: point.id)


def _table(found: Iterable[RecoveryPoint], now: datetime) -> Table:
    identifier = Column("point", no_wrap=True)  # whole, however narrow the terminal is: restore wants it
    columns = ("age", "state", "last verified", "tags", "references", "blobs", "MB")
    table = Table(identifier, *columns, box=box.SIMPLE)
    for point in found:
        table.add_row(point.id, _age(now - point.created), *_cells(point, now))
    return table


def _cells(point: RecoveryPoint, now: datetime) -> tuple[str, ...]:
    manifest = point.manifest
    if manifest is None:
        return (point.problem or "not verified",)
    state = "damaged" if point.damage else "verified" if manifest.verified else "not verified"
    seen = point.checked
    last = f"{seen.last}, {_age(now - seen.at)} ago" if seen else "when it was taken"
    size = manifest.size + manifest.images.bytes
    return (
        state,
        last,
        str(manifest.tags),
        str(manifest.proof.references),
        str(manifest.images.blobs),
        f"{size / 1e6:.1f}",
    )


def _age(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))
