"""`runbook points pin|unpin|prune`: which recovery points stay, and the removal of the others."""

from typing import Annotated

import typer

from flows.cli_options import Cluster, Json
from flows.cli_points import connected, points
from flows.cli_report import show
from flows.prune import prune
from runbook.domain.errors import InvalidConfigError
from runbook.domain.pins import select_id
from runbook.remote.pins import pin, read_pins, unpin
from runbook.remote.recovery_points import list_points

Reason = Annotated[str, typer.Option("--reason", help="Who wants it kept, and why.")]
Point = Annotated[str, typer.Argument(help="Its id or an unambiguous beginning of it.")]


@points.command("pin")
def pin_command(point: Point, cluster: Cluster, reason: Reason) -> None:
    """Keep one point whatever the retention rules say."""
    with connected(cluster) as connection:
        there = [found.id for found in list_points(connection.vault, connection.name)]
        identifier = select_id(there, point)
        pin(connection.vault, connection.name, identifier, reason)
    typer.echo(f"recovery point {identifier}: pinned ({reason})")


@points.command("unpin")
def unpin_command(point: Point, cluster: Cluster) -> None:
    """Let the retention rules decide about one point again; it may be damaged or gone."""
    with connected(cluster) as connection:
        identifier = select_id(read_pins(connection.vault, connection.name), point, "pinned points")
        unpin(connection.vault, connection.name, identifier)
    typer.echo(f"recovery point {identifier}: not pinned any more")


@points.command("prune")
def prune_command(
    cluster: Cluster,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would go and touch nothing.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Remove, although the cluster file does not confirm it.")
    ] = False,
    most: Annotated[
        int | None, typer.Option(min=1, help="Let this many points go at once, this time.")
    ] = None,
    json: Json = False,
) -> None:
    """Show which points the retention rules keep, which go, and why; where it is confirmed, remove the latter."""
    if confirm and (plan or json):
        what = "`--confirm` removes, `--plan` and `--json` only show"
        raise InvalidConfigError("points prune", what, "give one of them")
    show(prune(cluster, plan_only=plan or json, confirm=confirm, most_at_once=most), as_json=json)
