"""``python -m lab``: the rehearsal cluster's commands, as ``runbook lab`` has them."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from lab import commands
from lab.faults import FAULTS
from runbook.domain.errors import RunbookError

_FAULT_HELP = "; ".join(f"{name}: {fault.summary}" for name, fault in FAULTS.items())

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A real cluster on one machine.")


@app.command()
def up() -> None:
    """Bring the lab up; a healthy one is kept."""
    commands.up()


@app.command()
def down() -> None:
    """Remove the lab and stop what it started; images are kept."""
    commands.down()


@app.command()
def nodes(count: int) -> None:
    """Give a running lab this many registry nodes: 4 to 12, 4 at first."""
    commands.nodes(count)


@app.command()
def reset() -> None:
    """Bring a running lab back to no registry at all."""
    commands.reset()


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what runs; the exit status is 0 only if all of it works."""
    seen = commands.status()
    if as_json:
        print(json.dumps(seen.as_data(), indent=2))
    else:
        Console().print(seen.as_table())
    raise typer.Exit(0 if seen.ready else 1)


@app.command("break", help=f"Make a fault happen. {_FAULT_HELP}.")
def break_(fault: str, what: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Make a fault happen: to these nodes, at these ports where the fault has ports."""
    commands.break_fault(fault, *(what or ()))


@app.command()
def heal(fault: str, nodes: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """End a fault."""
    commands.heal_fault(fault, *(nodes or ()))


def main() -> None:
    """Run a command; an error of ours is two lines and its exit status."""
    try:
        app()
    except RunbookError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
