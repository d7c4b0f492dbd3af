import io
import ssl
import stat
import zipfile
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError
from runbook.remote.client_bundle import ClientBundle, with_port
from tests.fakes.tls_site import Certificate


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
