"""The control plane of the running lab, or the one that the environment names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.control_plane_client import PREFIX, Plane


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    bundle = tmp_path_factory.mktemp("bundle")
    if url := os.environ.get("RUNBOOK_TEST_UCP_URL"):
        password, ca_file = os.environ["RUNBOOK_TEST_UCP_PASSWORD"], os.environ["RUNBOOK_TEST_UCP_CA"]
    else:
        lab = request.getfixturevalue("lab_cluster")
        url, password, ca_file = lab.control_plane_url, lab.admin_password, lab.ca_file
    plane = Plane.log_in(url, password, Path(ca_file), bundle)
    yield plane
    plane.http.close()


@pytest.fixture
def nothing_is_left(plane: Plane) -> Iterator[None]:
    yield
    for name in plane.names(PREFIX):
        plane.http.delete(f"/containers{name}", params={"force": "1"})
