from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tests.fakes.cluster_connection import FakeCluster


@pytest.fixture(autouse=True)
def no_run() -> Iterator[None]:
    """Tasks are called as functions here; there is no run to log to."""
    with disable_run_logger():
        yield


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    return FakeCluster(tmp_path)
