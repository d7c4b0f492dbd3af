"""One lab for all tests that need real machines, brought up when the first of them asks for it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.lab_cluster import LabCluster

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("busy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy-machine")


@pytest.fixture(scope="session")
def lab_cluster() -> Iterator[LabCluster]:
    """A lab that is up; it stays up, as it was found or as the last test left it."""
    yield LabCluster.up()


@pytest.fixture
def no_registry(lab_cluster: LabCluster) -> LabCluster:
    """A lab whose faults are healed and that holds no registry, no image and no recovery point."""
    lab_cluster.reset()
    return lab_cluster
