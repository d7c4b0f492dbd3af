"""`runbook points copy` and `runbook points export`: a point in another vault, and as plain files."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from flows.cli_options import Cluster, PlanOnly
from flows.cli_points import points
from flows.cli_report import show
from flows.copy_points import copy_points
from runbook.domain.access import Role
from runbook.domain.errors import InvalidConfigError
from runbook.domain.recovery import select_point
from runbook.remote.export import export_point
from runbook.remote.recovery_points import list_points


@points.command("copy")
def copy_command(
    cluster: Cluster,
    point: Annotated[
        str | None, typer.Argument(help="Its id or beginning; left out: the newest verified.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Name of one copy; left out: all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every verified point that is missing there.")] = False,
    plan: PlanOnly = False,
) -> None:
    """Leave recovery points in the other vaults that the cluster file names under vault.copies."""
    if point and every:
        raise InvalidConfigError(
            "points copy", f"--all and {point} contradict each other", "give one of them"
        )
    show(copy_points(cluster, point=point, to=to, every=every, plan_only=plan))


@points.command("export")
def export_command(
    point: Annotated[str, typer.Argument(help="Its id or an unambiguous beginning of it.")],
    cluster: Cluster,
    to: Annotated[Path, typer.Option("--to", help="A folder that is new, empty, or an export cut short.")],
) -> None:
    """Write one point as plain files: the vendor's tar, and the registry's storage tree. NOT encrypted."""
    with closing(ClusterConnection(load_cluster(cluster).settings)) as connection:
        vault = connection.vault_as(Role.VERIFIER)
        manifest = select_point(list_points(vault, connection.name), point)
        done = export_point(vault, manifest, connection.identity, to)
    typer.echo(f"recovery point {manifest.id}: {done}, in {to}; README.txt there says what is what")
    typer.secho(
        "NOT ENCRYPTED: metadata.tar holds private keys. Only you can read the folder; "
        "delete it when it has served.",
        fg="yellow",
        err=True,
    )
