"""`runbook points access`: what each credential of the vault can really do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from runbook.domain.access import Right, Role, Seen, judge_access
from runbook.domain.findings import Finding, error_for
from runbook.remote.access_probe import clear_probe, prepare_probe, probe_rights

Cluster = Annotated[str, typer.Option("--cluster", help="Cluster file (*.yaml) or RegistryCluster block.")]


def access_command(cluster: Cluster) -> None:
    """Try each credential of the vault on a probe object, and show what it may do and should not."""
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        seen = {role: _probe(connection, role) for role in Role}
        for role in (Role.WRITER, Role.PRUNER):
            clear_probe(connection.vault_as(role), connection.name)
        findings = _judged(connection, seen)
    finally:
        connection.close()
    Console().print(_table(seen))
    for found in findings:
        typer.echo(f"{found.level}: {found.where} {found.what}\nNext: {found.next_step}")
    if error := error_for(findings):
        raise error


def _probe(connection: ClusterConnection, role: Role) -> Seen:
    now, locks = datetime.now(UTC), connection.settings.vault.object_lock is not None
    prepare_probe(connection.vault, connection.name, now, locks=locks)
    return probe_rights(connection.vault_as(role), connection.name, now, locks=locks)


def _judged(connection: ClusterConnection, seen: Mapping[Role, Seen]) -> list[Finding]:
    credentials, where = connection.settings.vault.credentials, connection.vault.where
    return [
        finding
        for role, rights in seen.items()
        for finding in judge_access(role, where, rights, own=credentials.of(role) is not None)
    ]


def _table(seen: Mapping[Role, Seen]) -> Table:
    table = Table(Column("role", no_wrap=True), *Right, box=box.SIMPLE)
    for role, rights in seen.items():
        table.add_row(role, *(_cell(rights.get(right)) for right in Right))
    return table


def _cell(able: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[able]
