"""`runbook points access`: what each credential of the vault can really do."""

from collections.abc import Mapping
from datetime import UTC, datetime

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from flows.cli_options import Cluster
from runbook.domain.access import Right, Role, Seen, judge_access
from runbook.domain.errors import InvalidConfigError
from runbook.domain.findings import Finding, Level, error_for
from runbook.remote.access_probe import clear_probe, prepare_probe, probe_rights
from runbook.remote.vault import Vault


def access_command(cluster: Cluster) -> None:
    """Try each credential of the vault on a probe object, and show what it may do and should not."""
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        seen, findings = _try_all(connection)
    finally:
        connection.close()
    Console().print(_table(seen))
    for found in findings:
        typer.echo(f"{found.level}: {found.where} {found.what}\nNext: {found.next_step}")
    if error := error_for(findings):
        raise error


def _try_all(connection: ClusterConnection) -> tuple[dict[Role, Seen], list[Finding]]:
    """Return what each role can do, and what is wrong with it; keys that are not on this machine are not tried."""
    vaults, findings = _vaults(connection)
    now, locks = datetime.now(UTC), connection.settings.vault.object_lock is not None
    seen: dict[Role, Seen] = dict.fromkeys(Role, {})
    for role, vault in vaults.items():
        if writer := vaults.get(Role.WRITER):
            prepare_probe(writer, connection.name, now, locks=locks)
        seen[role] = probe_rights(vault, connection.name, now, locks=locks)
        own = connection.settings.vault.credentials.of(role) is not None
        findings += judge_access(role, vault.where, seen[role], own=own)
    for vault in vaults.values():
        clear_probe(vault, connection.name)
    return seen, findings


def _vaults(connection: ClusterConnection) -> tuple[dict[Role, Vault], list[Finding]]:
    vaults: dict[Role, Vault] = {}
    findings = []
    for role in Role:
        try:
            vaults[role] = connection.vault_as(role)
        except InvalidConfigError as error:
            what = f"was not tried, for {error.where} {error.what}"
            findings.append(Finding(Level.WARNING, f"the {role}", what, "try it where its keys are"))
    return vaults, findings


def _table(seen: Mapping[Role, Seen]) -> Table:
    table = Table(Column("role", no_wrap=True), *Right, box=box.SIMPLE)
    for role, rights in seen.items():
        table.add_row(role, *(_cell(rights.get(right)) for right in Right))
    return table


def _cell(able: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[able]
