"""`runbook points verify`: one point read back, or all of them looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from flows.cli_options import Cluster
from flows.verify import request_of
from runbook.domain.access import Role
from runbook.domain.errors import InvalidConfigError, MismatchError
from runbook.domain.recovery import select_point
from runbook.domain.sampling import Budget
from runbook.domain.verification import Mode, first_of
from runbook.remote.needed_images import Place
from runbook.remote.recovery_points import list_with_gone
from runbook.remote.vault_verify import verify_one, verify_vault
from tasks.verification import why_not_sound

Point = Annotated[
    str | None, typer.Argument(help="Its id or beginning; left out: the newest, or all with --mode.")
]
ModeName = Annotated[str | None, typer.Option("--mode", help="All points: quick, sample or full. One: full.")]
Full = Annotated[
    bool, typer.Option("--full", help="The same as --mode full: read and hash every blob as well.")
]
Percent = Annotated[
    float | None,
    typer.Option("--percent", help="Share of a sample in percent, up to 100; implies --mode sample."),
]
Bytes = Annotated[
    int | None, typer.Option("--bytes", help="A sample ends once it has read so many; implies --mode sample.")
]
Minutes = Annotated[
    float | None, typer.Option("--minutes", help="A sample ends after so many; implies --mode sample.")
]


def verify_command(  # noqa: PLR0913, PLR0917 - one parameter for each word of the command line
    cluster: Cluster,
    point: Point = None,
    mode: ModeName = None,
    full: Full = False,
    percent: Percent = None,
    max_bytes: Bytes = None,
    minutes: Minutes = None,
) -> None:
    """Read one point back, open it, prove it again and compare its images; with --mode look at all points."""
    if full and mode not in {None, "full"}:
        raise InvalidConfigError("--full", f"it does not go with --mode {mode}", "leave one of them out")
    named = "full" if full else mode
    if named is None and (percent, max_bytes, minutes) != (None, None, None):
        named = "sample"
    wanted, budget = request_of(named, percent, max_bytes, minutes) if named else (Mode.POINT, None)
    with _place(cluster) as place:
        if point is None and wanted is not Mode.POINT:
            _verify_all(place, wanted, budget)
        elif wanted in {Mode.POINT, Mode.FULL}:
            _verify_one(place, point, full=wanted is Mode.FULL)
        else:
            raise InvalidConfigError(f"--mode {wanted}", "it looks at all points", "leave out the point")


def _verify_all(place: Place, mode: Mode, budget: Budget | None) -> None:
    report = verify_vault(place, mode, budget)
    for line in (*report.notes, *(damage.what for damage in report.damages)):
        typer.echo(line)
    if not report.sound:
        raise why_not_sound(place.vault.where, report)
    typer.echo(f"{place.vault.where}: sound; {report.sentence()}")


def _verify_one(place: Place, point: str | None, *, full: bool) -> None:
    found = (replace(seen, checked=None) for seen in list_with_gone(place.vault, place.cluster))
    manifest = select_point(found, point)  # the newest also when it is known to be damaged
    report = verify_one(place, manifest, full=full)
    for finding in report.findings:
        typer.echo(finding)
    if not report.sound:
        what = first_of(report.findings[0], len(report.findings))
        raise MismatchError(
            f"recovery point {manifest.id}", what, "restore from another; see `runbook points list`"
        )
    read = f"{report.bytes_read / 1e6:.1f} MB read"
    typer.echo(f"recovery point {manifest.id}: sound; {report.objects} objects, {report.blobs} blobs, {read}")


@contextmanager
def _place(cluster: str) -> Iterator[Place]:
    connection = ClusterConnection(load_cluster(cluster).settings)
    try:
        yield Place(
            vault=connection.vault_as(Role.VERIFIER),
            cluster=connection.name,
            identity=lambda: connection.identity,
            now=lambda: datetime.now(UTC),
            records=connection.vault,
        )
    finally:
        connection.close()
