import io
import ssl
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError
from runbook.remote.client_bundle import ClientBundle, with_port, withdraw
from runbook.remote.control_plane_api import ControlPlane
from runbook.remote.docker_transport import DockerTransport
from tests.fakes.tls_site import KEYS, Certificate, ControlPlaneSite


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return content.getvalue()


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    made = Certificate(tmp_path)
    return zipped({"ca.pem": made.pem, "cert.pem": made.pem, "key.pem": made.key, "env.sh": b"#"})


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_its_files_are_the_owners_alone_and_do_not_stay(content: bytes, temporary: Path) -> None:
    bundle = ClientBundle("control plane", content)
    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert isinstance(bundle.make_context(), ssl.SSLContext)
    bundle.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("bad", [b"no zip", zipped({"ca.pem": b""})])
def test_a_bundle_that_is_none_is_refused_and_leaves_nothing(bad: bytes, temporary: Path) -> None:
    with pytest.raises(MismatchError, match="client bundle is not usable"):
        ClientBundle("control plane", bad)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("https://198.18.0.10", "https://198.18.0.10:443"),
        ("https://ucp.example:8443", "https://ucp.example:8443"),
        ("https://[::1]", "https://[::1]:443"),
    ],
)
def test_the_port_is_spelled_out(url: str, whole: str) -> None:
    assert with_port(url) == whole


def public_key(certificate: bytes) -> str:
    key = x509.load_pem_x509_certificate(certificate).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def site(tmp_path: Path, content: bytes) -> Iterator[ControlPlaneSite]:
    (tmp_path / "site").mkdir()
    with ControlPlaneSite(tmp_path / "site", {"/api/clientbundle": (200, content)}) as site:
        own = zipfile.ZipFile(io.BytesIO(content)).read("cert.pem")
        site.public_keys = {"a": public_key(site.certificate.pem), "b": public_key(own), "d": "no key"}
        yield site


def control_plane(site: ControlPlaneSite) -> ControlPlane:
    return ControlPlane(site.url, "admin", SecretStr("right"), site.certificate.pem.decode())


def test_the_key_of_a_bundle_and_no_other_is_taken_from_the_account(
    site: ControlPlaneSite, caplog: pytest.LogCaptureFixture
) -> None:
    with control_plane(site) as plane:
        bundle = ClientBundle("control plane", plane.client_bundle())
        bundle.close()
        withdraw(plane, bundle)
    assert set(site.public_keys) == {"a", "d"}
    assert caplog.text == ""


def test_a_key_that_cannot_be_taken_away_is_a_warning(
    site: ControlPlaneSite, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = ClientBundle("control plane", content)
    bundle.close()
    del site.public_keys["b"]
    with control_plane(site) as plane:
        withdraw(plane, bundle)
        assert "the account's list of keys does not name it" in caplog.text
        site.answers[KEYS] = (404, b"page not found")
        withdraw(plane, bundle)
        site.answers[KEYS] = (200, b"[]")
        withdraw(plane, bundle)
    assert "its list of public keys has another shape" in caplog.text
    assert "stays with the account admin: /accounts/admin/publicKeys answered 404" in caplog.text
    assert set(site.public_keys) == {"a", "d"}


def test_a_transport_that_cannot_be_made_leaves_neither_files_nor_key(
    site: ControlPlaneSite, temporary: Path
) -> None:
    with control_plane(site) as plane, pytest.raises(RefusedError, match="no Docker connection"):
        DockerTransport(plane)
    assert list(temporary.iterdir()) == []
    assert set(site.public_keys) == {"a", "d"}
