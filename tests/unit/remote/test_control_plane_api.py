import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError, UnreachableError
from runbook.domain.versions import Version
from runbook.remote.control_plane_api import ControlPlane, ControlPlaneNode
from tests.fakes.tls_site import Certificate, ControlPlaneSite

NODES = [
    {
        "Description": {"Hostname": "ucp1"},
        "Spec": {"Role": "manager", "Availability": "active"},
        "Status": {"State": "ready", "Addr": "0.0.0.0"},
        "ManagerStatus": {"Addr": "198.18.0.10:2377"},
    },
    {
        "Description": {"Hostname": "dtr1"},
        "Spec": {"Role": "worker", "Availability": "drain"},
        "Status": {"State": "down", "Addr": "198.18.0.11"},
    },
]
TOML = """
[[registries]]
  host_address = "198.18.0.40"
  service_id = "dtr"
  ca_bundle = "PEM of the registry"
[[registries]]
  host_address = "other"
"""
ANSWERS = {
    "/info": (200, b'{"ID": "AAAA:BBBB"}'),
    "/nodes": (200, json.dumps(NODES).encode()),
    "/api/ucp/config-toml": (200, TOML.encode()),
    "/api/clientbundle": (200, b"PK\x03\x04zip"),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ControlPlaneSite]:
    with ControlPlaneSite(tmp_path, dict(ANSWERS)) as site:
        yield site


def client(site: ControlPlaneSite, password: str = "right") -> ControlPlane:
    return ControlPlane(site.url + "/", "admin", SecretStr(password), site.certificate.pem.decode())


def test_logs_in_by_itself_and_once(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        assert plane.cluster_id() == "AAAA:BBBB"
        assert plane.client_bundle() == b"PK\x03\x04zip"
    assert site.logins == 1
    assert site.tokens == set()  # its session does not outlive it


def test_a_session_that_cannot_be_ended_does_not_hide_what_was_done(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        plane.cluster_id()
        site.answers["/id/logout"] = (500, b"trouble")
    assert site.tokens == {"token-1"}


def test_logs_in_again_when_its_session_has_ended(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        plane.cluster_id()
        site.tokens.clear()
        assert plane.cluster_id() == "AAAA:BBBB"
    assert site.logins == 2


def test_a_wrong_password_is_refused_and_not_shown(site: ControlPlaneSite) -> None:
    with (
        client(site, "wrong-one") as plane,
        pytest.raises(RefusedError, match="wrong user or password") as refused,
    ):
        plane.login()
    assert refused.value.where == f"control plane {site.url}"
    assert "wrong-one" not in str(refused.value)


def test_nodes_come_with_the_address_that_others_see(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        assert plane.nodes() == (
            ControlPlaneNode("dtr1", "worker", "down", "drain", "198.18.0.11"),
            ControlPlaneNode("ucp1", "manager", "ready", "active", "198.18.0.10"),
        )


def test_the_registrys_ca_is_found_by_its_host(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        assert plane.registry_ca("198.18.0.40") == "PEM of the registry"
        assert plane.registry_ca("other") is None
        assert plane.registry_ca("unknown") is None


def test_an_untrusted_certificate_is_refused(site: ControlPlaneSite, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    pem = Certificate(other).pem.decode()
    plane = ControlPlane(site.url, "admin", SecretStr("right"), pem)
    with plane, pytest.raises(RefusedError, match="certificate is not trusted"):
        plane.login()


def test_without_a_ca_any_certificate_will_do(site: ControlPlaneSite) -> None:
    with ControlPlane(site.url, "admin", SecretStr("right"), None) as plane:
        plane.login()


def test_a_ca_that_is_none_is_a_fault_of_the_cluster_file(site: ControlPlaneSite) -> None:
    with pytest.raises(InvalidConfigError, match="not a certificate"):
        ControlPlane(site.url, "admin", SecretStr("right"), "no PEM")


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    plane = ControlPlane(f"https://127.0.0.1:{port}", "a", SecretStr("b"), None)
    with plane, pytest.raises(UnreachableError, match="no answer"):
        plane.login()


@pytest.mark.parametrize(
    ("path", "answer", "error", "words"),
    [
        ("/info", (500, b"unhealthy: etcd\nmore"), UnreachableError, "answered 500: unhealthy: etcd"),
        ("/info", (200, b"<html>"), MismatchError, "something else than JSON"),
        ("/info", (403, b"access denied"), RefusedError, "access denied"),
        ("/api/ucp/config-toml", (200, b"=["), MismatchError, "is not TOML"),
    ],
)
def test_an_odd_answer_says_what_it_was(
    site: ControlPlaneSite, path: str, answer: tuple[int, bytes], error: type[Exception], words: str
) -> None:
    site.answers[path] = answer
    asked = {"/info": "cluster_id", "/api/ucp/config-toml": "registries"}[path]
    with client(site) as plane, pytest.raises(error, match=words):
        getattr(plane, asked)()


def test_the_version_that_runs_is_a_number(site: ControlPlaneSite) -> None:
    with client(site) as plane:
        site.answers["/version"] = (200, b'{"Version": "ucp/3.7.12"}')
        assert plane.version() == Version(3, 7, 12)
        site.answers["/version"] = (200, b'{"Version": "25.0"}')
        with pytest.raises(MismatchError, match="it calls its version '25.0'"):
            plane.version()


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("enable_admin_ucp_scheduling = true", True),
        ("enable_admin_ucp_scheduling = false", False),
        ("", None),
    ],
)
def test_where_administrators_may_deploy_is_in_its_configuration(
    site: ControlPlaneSite, setting: str, allowed: bool | None
) -> None:
    site.answers["/api/ucp/config-toml"] = (200, f"[scheduling_configuration]\n{setting}\n{TOML}".encode())
    with client(site) as plane:
        assert plane.admins_may_deploy_anywhere() is allowed
        assert plane.registries()[0].host == "198.18.0.40"
