"""`make demo`: the whole story once, every runbook by its deployment."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from lab.demo.story import tell
from runbook.domain.errors import RunbookError

app = typer.Typer(add_completion=False)


class Approver(StrEnum):
    """Who approves the restore."""

    DEMO = "demo"
    ME = "me"


@app.command()
def demo(
    approve: Annotated[
        Approver, typer.Option(help="`demo` approves by itself, `me` waits for you in the UI.")
    ] = Approver.DEMO,
) -> None:
    """Install, scale out, fill, back up, lose everything, restore, compare."""
    raise typer.Exit(0 if tell(wait_for_person=approve is Approver.ME) else 1)


if __name__ == "__main__":
    try:
        app()
    except RunbookError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
