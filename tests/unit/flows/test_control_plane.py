"""The control plane in a recovery point, as backup and restore take it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from blocks.control_plane_backup import ControlPlaneBackupSettings
from flows.control_plane import back_up_accounts, discard_accounts
from runbook.domain.errors import RefusedError
from tasks.recovery_points import begin_point
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.control_plane_archive import control_plane_archive
from tests.fakes.direct_run import DirectRun


class ReadOnlyVault:
    """A vault that lets nobody delete."""

    def delete(self, key: str) -> None:
        raise RefusedError(key, "read only", "mount it anew")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """A run on a cluster whose file asks for the control plane's backup."""
    cluster = FakeCluster(tmp_path)
    cluster.replicas = [alive(1)]
    cluster.settings.control_plane.backup = ControlPlaneBackupSettings(image="mirantis/ucp")
    cluster.control_plane_image = "mirantis/ucp:3.7.12"
    cluster.accounts.archive = control_plane_archive()
    with disable_run_logger():
        yield DirectRun(cluster)


def stored(run: Any) -> list[str]:
    return [seen.key.rpartition("/")[2] for seen in run.cluster.vault.list("lab/points/")]


def test_a_point_without_accounts_says_so_once(run: Any) -> None:
    run.cluster.settings.control_plane.backup = None
    assert back_up_accounts(run, run.step(begin_point), after=[]) == []
    (note,) = run.report.notes
    assert note.startswith("users, organisations and teams are in the control plane and not in this")
    assert stored(run) == []


def test_a_point_with_accounts_says_what_is_in_it(run: Any) -> None:
    (kept,) = back_up_accounts(run, run.step(begin_point), after=[])
    assert kept.result().entries == 27
    assert run.report.notes == [
        "users, organisations and teams: 27 entries, 0.0 MB, written by mirantis/ucp:3.7.12"
    ]
    assert stored(run) == ["control-plane.tar.zst.age"]


def test_a_point_that_failed_later_keeps_nothing_of_the_control_plane(run: Any) -> None:
    begun = run.step(begin_point)
    discard_accounts(run, begun, back_up_accounts(run, begun, after=[]))
    assert stored(run) == []


def test_what_goes_wrong_with_that_hides_nothing(run: Any) -> None:
    begun = run.step(begin_point)
    kept = back_up_accounts(run, begun, after=[])
    run.cluster.vault = ReadOnlyVault()
    discard_accounts(run, begun, kept)
    discard_accounts(run, begun, [])
