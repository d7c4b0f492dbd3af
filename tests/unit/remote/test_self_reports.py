from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr

from runbook.domain.errors import UnreachableError
from runbook.domain.health import ClusterSeen
from runbook.remote.control_plane_api import ControlPlaneNode
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.self_reports import with_reports
from tests.fakes.clusters import IDS, alive
from tests.fakes.registry_server import PASSWORD, USER, RegistryServer, registry_server

NAMES = ["dtr1", "dtr2", "dtr3"]
CUT_OFF = ClusterSeen((alive(1), alive(2)), ("dtr3",), IDS[:3], {IDS[n]: NAMES[n] for n in range(3)})
YOUNG, OLD = "2026-11-25T02:00:00Z", "2026-11-25T01:00:00Z"


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


def look(server: RegistryServer, state: str = "ready", seen: ClusterSeen = CUT_OFF) -> dict[str, str]:
    def admin_on(node: str) -> RegistryAdmin:
        assert node == "dtr1"
        return RegistryAdmin(server.url, server.ca_pem, USER, SecretStr(PASSWORD))

    def nodes() -> Sequence[ControlPlaneNode]:
        if state == "silent":
            raise UnreachableError("control plane", "no answer", "see that it runs")
        return (ControlPlaneNode("dtr3", "worker", state, "active", "198.18.0.13"),)

    return dict(with_reports(seen, NAMES, admin_on, nodes).vouched)


@pytest.mark.parametrize(
    ("reported", "state", "vouched"),
    [
        (YOUNG, "ready", True),
        (YOUNG, "silent", True),
        (YOUNG, "down", False),
        (OLD, "ready", False),
    ],
)
def test_a_living_replica_is_asked_about_a_member_that_cannot_be_reached(
    reported: str, state: str, vouched: bool, server: RegistryServer
) -> None:
    server.reports = {IDS[0]: YOUNG, IDS[1]: YOUNG, IDS[2]: reported}
    assert look(server, state) == ({IDS[2]: YOUNG} if vouched else {})


def test_nobody_is_asked_while_nothing_is_in_doubt(server: RegistryServer) -> None:
    look(server, seen=ClusterSeen((alive(1), alive(2), alive(3)), (), IDS[:3]))
    assert server.requests == []
