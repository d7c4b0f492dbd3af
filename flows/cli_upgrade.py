"""`runbook upgrade`."""

from typing import Annotated

import typer

from flows.cli_options import Cluster, Json, PlanOnly
from flows.cli_report import show
from flows.upgrade import upgrade


def upgrade_command(
    cluster: Cluster,
    to: Annotated[
        str | None, typer.Option("--to", help="Wanted version; left out: what the cluster file says.")
    ] = None,
    max_point_age_hours: Annotated[
        float | None,
        typer.Option(min=0.01, help="Take a way back that is older than the cluster file allows."),
    ] = None,
    accept_differences: Annotated[
        bool,
        typer.Option("--accept-differences", help="Finish although members or schedules are not as before."),
    ] = False,
    plan: PlanOnly = False,
    json: Json = False,
) -> None:
    """Every replica to the next version, proven, with a way back before it and a new recovery point after it."""
    done = upgrade(
        cluster,
        to=to,
        max_point_age_hours=max_point_age_hours,
        accept_differences=accept_differences,
        plan_only=plan or json,
    )
    show(done, as_json=json)
