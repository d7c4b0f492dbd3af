"""Commands of `runbook` for single replicas: `remove`, `repair`, `replace`."""

from typing import Annotated

import typer

from flows.cli_options import Cluster, Json, PlanOnly
from flows.cli_report import show
from flows.remove import remove
from flows.repair import repair
from flows.replace import replace


def remove_command(
    cluster: Cluster,
    replicas: Annotated[int | None, typer.Option(help="How many shall stay: 1, 3 or 5.")] = None,
    node: Annotated[
        list[str] | None, typer.Option("--node", help="Node whose replica shall go; may be given again.")
    ] = None,
    replica: Annotated[
        list[str] | None, typer.Option("--replica", help="Id of a replica that shall go; may be given again.")
    ] = None,
    plan: PlanOnly = False,
    json: Json = False,
) -> None:
    """Take replicas out one after another, the dead first, down to an odd number."""
    named = [*(node or ()), *(replica or ())]
    show(remove(cluster, replicas=replicas, named=named, plan_only=plan or json), as_json=json)


def repair_command(cluster: Cluster, plan: PlanOnly = False, json: Json = False) -> None:
    """Remove dead replicas, then join as many: on the same nodes if these are fit, else on free ones."""
    show(repair(cluster, plan_only=plan or json), as_json=json)


def replace_command(
    node: Annotated[str, typer.Argument(help="Node whose replica shall move.")],
    by: Annotated[str, typer.Argument(help="Registry node that shall have it.")],
    cluster: Cluster,
    plan: PlanOnly = False,
    json: Json = False,
) -> None:
    """Move the replica of one node to another node."""
    show(replace(cluster, node, by, plan_only=plan or json), as_json=json)


def add_to(app: typer.Typer) -> None:
    """Leave `app` with the commands for single replicas."""
    app.command("remove")(remove_command)
    app.command("repair")(repair_command)
    app.command("replace")(replace_command)
