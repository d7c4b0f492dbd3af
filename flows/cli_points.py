"""`runbook points`: the recovery points in the vault."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.errors import MismatchError
from runbook.domain.recovery import RecoveryPoint, select_point
from runbook.domain.recovery_json import manifest_to_json
from runbook.remote.recovery_points import list_points
from runbook.remote.recovery_verify import verify_point

points = typer.Typer(no_args_is_help=True, help="Recovery points in the vault.")
Cluster = Annotated[str, typer.Option("--cluster", help="Cluster file (*.yaml) or RegistryCluster block.")]


@points.command("list")
def list_command(cluster: Cluster) -> None:
    """Show all recovery points, oldest first."""
    with _connected(cluster) as connection:
        Console().print(
            _table(list_points(connection.vault_as(Role.VERIFIER), connection.name), datetime.now(UTC))
        )


@points.command("show")
def show_command(point: str, cluster: Cluster) -> None:
    """Show the manifest of one point, named by its id or an unambiguous beginning of it."""
    with _connected(cluster) as connection:
        manifest = select_point(list_points(connection.vault_as(Role.VERIFIER), connection.name), point)
    typer.echo(manifest_to_json(manifest).decode())


@points.command("verify")
def verify_command(
    cluster: Cluster,
    point: Annotated[str | None, typer.Argument(help="Its id or beginning; left out: the newest.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read and hash every blob as well.")] = False,
) -> None:
    """Read one point back, open it, prove it again and compare its images with what the vault holds."""
    with _connected(cluster) as connection:
        manifest = select_point(list_points(connection.vault_as(Role.VERIFIER), connection.name), point)
        report = verify_point(connection.vault_as(Role.VERIFIER), manifest, connection.identity, full=full)
    for finding in report.findings:
        typer.echo(finding)
    if not report.sound:
        what = f"{len(report.findings)} things are wrong with it, first: {report.findings[0]}"
        raise MismatchError(
            f"recovery point {manifest.id}", what, "restore from another; see `runbook points list`"
        )
    read = f"{report.bytes_read / 1e6:.1f} MB read"
    typer.echo(f"recovery point {manifest.id}: sound; {report.objects} objects, {report.blobs} blobs, {read}")


@contextmanager
def _connected(cluster: str) -> Iterator[ClusterConnection]:
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        yield connection
    finally:
        connection.close()


def _table(found: tuple[RecoveryPoint, ...], now: datetime) -> Table:
    identifier = Column("point", no_wrap=True)  # whole, however narrow the terminal is: restore wants it
    table = Table(identifier, "age", "state", "tags", "blobs", "MB", box=box.SIMPLE)
    for point in found:
        table.add_row(point.id, _age(now - point.created), *_cells(point))
    return table


def _cells(point: RecoveryPoint) -> tuple[str, ...]:
    manifest = point.manifest
    if manifest is None:
        return (point.problem or "not verified", "", "", "")
    state = "verified" if manifest.verified else "not verified"
    return state, str(manifest.tags), str(manifest.images.blobs), f"{manifest.images.bytes / 1e6:.1f}"


def _age(age: timedelta) -> str:
    return str(timedelta(seconds=int(age.total_seconds())))
