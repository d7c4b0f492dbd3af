"""`runbook points escrow-probe`: a person proves that the key which is kept elsewhere opens a point."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from blocks.secret_references import KINDS, resolve
from flows.cli_options import Cluster
from runbook.domain.access import Role
from runbook.domain.errors import InvalidConfigError
from runbook.domain.recovery import select_point
from runbook.remote.escrow import prove_identity, record_probe
from runbook.remote.recovery_points import list_points


def escrow_probe_command(
    cluster: Cluster,
    identity: Annotated[str, typer.Option("--identity", help="Where the key is: file:PATH or env:NAME.")],
    point: Annotated[str | None, typer.Argument(help="Its id or beginning; left out: the newest.")] = None,
) -> None:
    """Open every part of a point with the key that is kept elsewhere, and record the day in the vault."""
    if not identity.startswith(KINDS):
        raise InvalidConfigError("--identity", "it names no key", "write file:PATH, env:NAME or block:NAME")
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        vault = connection.vault_as(Role.VERIFIER)
        manifest = select_point(list_points(vault, connection.name), point)
        parts = sorted(manifest.objects)
        probe = prove_identity(vault, manifest, resolve(identity), parts, datetime.now(UTC))
        record_probe(connection.vault, connection.name, probe)
    finally:
        connection.close()
    typer.echo(
        f"recovery point {manifest.id}: {probe.recipient} opens all {len(parts)} parts; it is on record"
    )
