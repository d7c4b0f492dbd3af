"""The control plane in a recovery point, for backup and for the backup that ends a restore."""

from contextlib import suppress

from prefect.futures import PrefectFuture

from flows.run import After, Run
from runbook.domain.control_plane_backup import NOT_IN_THE_POINT, ControlPlaneArchive
from runbook.domain.errors import RunbookError
from tasks.control_plane_backup import discard_control_plane, stream_control_plane
from tasks.recovery_points import Begun

Accounts = list[PrefectFuture[ControlPlaneArchive]]


def back_up_accounts(run: Run, begun: PrefectFuture[Begun], after: After) -> Accounts:
    """Leave the control plane's backup in the point if the cluster file asks for it; the report says which."""
    if run.cluster.settings.control_plane.backup is None:
        run.report.notes.append(NOT_IN_THE_POINT)
        return []
    kept = run.step(stream_control_plane, begun.result().id, after=after)
    run.report.notes.append(kept.result().sentence())
    return [kept]


def discard_accounts(run: Run, begun: PrefectFuture[Begun], accounts: Accounts) -> None:
    """Leave nothing of the control plane in a point that failed; an error here hides none that came before."""
    if accounts:
        with suppress(RunbookError):
            run.step(discard_control_plane, begun.result().id, after=accounts)
