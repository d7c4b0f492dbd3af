"""Commands of `runbook`: each flow from a cluster file or a block, with --plan."""

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

import flows.cli_copies  # noqa: F401  # adds its commands to `points`
import flows.cli_prune  # noqa: F401  # the same
import flows.cli_replicas
from blocks.cluster import RegistryCluster
from flows.approval import GivenApproval
from flows.backup import backup
from flows.cli_access import access_command
from flows.cli_check import check_command
from flows.cli_escrow import escrow_probe_command
from flows.cli_options import Cluster, Json, PlanOnly
from flows.cli_points import points
from flows.cli_report import show, show_refused
from flows.cli_server import server_or_none
from flows.cli_upgrade import upgrade_command
from flows.install import install
from flows.release_hold import release_hold
from flows.restore import restore
from flows.scale_out import scale_out
from runbook.domain.errors import ExitStatus, RefusedError, RunbookError
from runbook.domain.plans import Plan

app = typer.Typer(
    name="runbook",
    no_args_is_help=True,
    add_completion=False,
    help="Runbooks for a highly available DTR / MSR 2.x registry. Exit status: 0 done, 1 a bug, "
    "2 invalid configuration, 3 refused, 4 unreachable, 5 not ready in time, 6 mismatch, 7 locked.",
)
blocks = typer.Typer(no_args_is_help=True, help="Blocks of the Prefect server.")
app.command("check")(check_command)
points.command("access")(access_command)
points.command("escrow-probe")(escrow_probe_command)
app.add_typer(points, name="points")
flows.cli_replicas.add_to(app)
if importlib.util.find_spec("lab"):  # in a checkout; an installed wheel has no lab
    app.add_typer(importlib.import_module("lab.__main__").app, name="lab")
app.add_typer(blocks, name="blocks")
app.command("upgrade")(upgrade_command)


@app.command("install")
def install_command(cluster: Cluster, plan: PlanOnly = False, json: Json = False) -> None:
    """First replica, storage, load balancer, canary."""
    show(install(cluster, plan_only=plan or json), as_json=json)


@app.command("scale-out")
def scale_out_command(
    cluster: Cluster,
    replicas: Annotated[
        int | None, typer.Option(help="Wanted replicas: 3, 5 or 7; left out: what the cluster file says.")
    ] = None,
    plan: PlanOnly = False,
    json: Json = False,
) -> None:
    """Join replicas one after another up to the wanted odd number."""
    show(scale_out(cluster, replicas=replicas, plan_only=plan or json), as_json=json)


@app.command("backup")
def backup_command(cluster: Cluster, plan: PlanOnly = False, json: Json = False) -> None:
    """Take a recovery point, metadata and images as one, and prove it."""
    show(backup(cluster, plan_only=plan or json), as_json=json)


@app.command("release-hold")
def release_hold_command(cluster: Cluster, plan: PlanOnly = False, json: Json = False) -> None:
    """Let garbage collection run again after a backup that died; the hold of one that lives is left alone."""
    show(release_hold(cluster, plan_only=plan or json), as_json=json)


@app.command("restore")
def restore_command(
    cluster: Cluster,
    point: Annotated[
        str | None, typer.Option(help="Its id or beginning; left out: the newest verified.")
    ] = None,
    approve: Annotated[str | None, typer.Option(help="Your name: approve without being asked.")] = None,
    force_reason: Annotated[str | None, typer.Option(help="Why, although a lighter remedy exists.")] = None,
    plan: PlanOnly = False,
    json: Json = False,
) -> None:
    """Decide, show plan and loss, ask, then bring the registry back. The last resort."""
    planned = restore(cluster, point=point, plan_only=True, force_reason=force_reason)
    show(planned, as_json=json)
    if plan or json or planned.plan is None:
        return
    given = _approval(planned.plan, approve)
    show(restore(cluster, point=point, approval=given, force_reason=force_reason))


def _approval(plan: Plan, approver: str | None) -> GivenApproval:
    """Return a person's approval of `plan`, asked for at the terminal unless a name was given."""
    if approver is not None:
        return GivenApproval.of(plan, cluster=plan.cluster, approver=approver, reason="given by --approve")
    if not sys.stdin.isatty():
        raise RefusedError(
            plan.cluster, "nobody approved the plan", "run it at a terminal, or give --approve NAME"
        )
    return GivenApproval.of(
        plan,
        cluster=typer.prompt("Type the cluster's name to approve this plan"),
        approver=typer.prompt("Your name"),
        reason=typer.prompt("Reason"),
    )


@blocks.command("push")
def push_block(file: Annotated[Path, typer.Argument(help="Cluster file (*.yaml) to write.")]) -> None:
    """Write a cluster file as the RegistryCluster block that deployments name."""
    cluster = RegistryCluster.from_file(file)
    with server_or_none():
        RegistryCluster.register_type_and_schema()
        cluster.save(cluster.settings.name, overwrite=True)
    typer.echo(f"block registry-cluster/{cluster.settings.name} holds {file}")


def run() -> None:
    """Run one command; an error becomes its two lines and its exit status."""
    try:
        app()
    except RunbookError as error:
        show_refused(error.findings)
        typer.secho(str(error), fg="red", err=True)
        raise SystemExit(error.exit_status) from error
    except Exception as error:  # the last place where a bug can be told from an operator's problem
        traceback.print_exc()
        typer.secho(f"runbook: {error!r}\nNext: this is a bug, report it with the lines above", err=True)
        raise SystemExit(ExitStatus.BUG) from error
