"""A cluster with old recovery points, and runs on it without Prefect."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect.futures import PrefectFuture
from prefect.logging import disable_run_logger

from blocks.retention import RetentionSettings
from flows import backup as backup_module
from flows import prune as prune_module
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.many_points import add_point, nightly_points
from tests.fakes.runs import DirectRun


@pytest.fixture
def cluster(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """Four nights of points of which two are to stay; runs are made without Prefect, backups by hand."""
    cluster = FakeCluster(tmp_path)
    cluster.settings.vault.retention = RetentionSettings(keep_last=2, minimum=1)
    nightly_points(cluster, 4)
    for module in (prune_module, backup_module):
        monkeypatch.setattr(module, "Run", lambda flow, _name: DirectRun(flow, cluster))
    monkeypatch.setattr(backup_module, "preflight", lambda *_args, **_options: [])
    monkeypatch.setattr(backup_module, "take_recovery_point", published)
    with disable_run_logger():
        yield cluster


def published(run: Any, **_: object) -> list[PrefectFuture[Any]]:
    add_point(run.cluster, timedelta(), b"newest")
    return []
