"""The column of `runbook points list` that says which copies hold a point."""

from collections.abc import Callable

import typer

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.remote.copies_held import ids_in


def copies_of(cluster: ClusterConnection) -> Callable[[str], str]:
    """Return what to show for a point's id; a copy that cannot be read is told on the error stream, once."""
    held = {copy.name: _held(cluster, copy.name) for copy in cluster.settings.vault.copies}

    def cell(identifier: str) -> str:
        shown = [
            f"{name}?" if ids is None else name
            for name, ids in held.items()
            if ids is None or identifier in ids
        ]
        return ", ".join(shown) or ("none" if held else "-")

    return cell


def _held(cluster: ClusterConnection, name: str) -> frozenset[str] | None:
    try:
        return ids_in(cluster.copy_vault(name), cluster.name)
    except RunbookError as error:
        typer.secho(f"copy {name} cannot be read, so it is shown with `?`: {error}", fg="yellow", err=True)
        return None
