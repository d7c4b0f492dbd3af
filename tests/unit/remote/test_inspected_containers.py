"""What `docker inspect` shows of each container that we start: secrets where the vendor's contract forces them."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.commands import BackupSpec, InstallSpec, JoinSpec, RemoveSpec, RestoreSpec
from runbook.domain.install_options import HTTP_PROXY, HTTPS_PROXY, TLS_KEY, spellings
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlaneAccess
from runbook.remote.control_plane_backup import ControlPlaneBackup
from tests.fakes.inspected_docker import InspectedTransport

A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
PASSWORD, KEY, PROXY = (
    "pass-s3cret",
    "-----BEGIN KEY-----\nkey-s3cret\n",
    "http://user:proxy-s3cret@proxy:3128",
)
GIVEN = {TLS_KEY: KEY, HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY}
SECRETS = {variable: SecretStr(value) for name, value in GIVEN.items() for variable in spellings(name)}
Act = Callable[[Bootstrapper], object]


def take(bootstrapper: Bootstrapper) -> None:
    with bootstrapper.backup(BackupSpec(A)) as stream:
        stream.finish()


ACTS: dict[str, Act] = {
    "join": lambda b: b.join(JoinSpec("dtr2", A)),
    "remove": lambda b: b.remove(RemoveSpec(A, (B,))),
    "destroy": lambda b: b.destroy(A),
    "upgrade": lambda b: b.upgrade(A),
    "restore": lambda b: b.restore(RestoreSpec(A, "dtr1", "https://lb"), io.BytesIO(b"archive")),
    "backup": take,
}


@pytest.fixture
def transport(tmp_path: Path) -> InspectedTransport:
    return InspectedTransport(tmp_path)


@pytest.fixture
def bootstrapper(transport: InspectedTransport) -> Bootstrapper:
    access = ControlPlaneAccess("https://198.18.0.10", "admin", SecretStr(PASSWORD), "PEM")
    return Bootstrapper(transport, "lab/dtr:2.9.29", Version(2, 9, 29), access)


def in_environment(transport: InspectedTransport) -> set[str]:
    """Return the variables that the container was given, after a look at everything else that is shown."""
    shown = transport.shown
    environment = shown.pop("Env")
    assert "s3cret" not in json.dumps(shown)
    return {entry.partition("=")[0] for entry in environment}


@pytest.mark.parametrize("command", ACTS)
def test_a_bootstrapper_shows_the_control_planes_password_in_its_environment_alone(
    transport: InspectedTransport, bootstrapper: Bootstrapper, command: str
) -> None:
    ACTS[command](bootstrapper)
    assert transport.shown["Cmd"][0] == command
    assert in_environment(transport) == {"UCP_PASSWORD"}


def test_an_install_shows_key_and_proxy_too_which_it_takes_from_nowhere_else(
    transport: InspectedTransport, bootstrapper: Bootstrapper
) -> None:
    bootstrapper.install(InstallSpec("dtr1", "https://lb"), SECRETS)
    assert in_environment(transport) == {
        "UCP_PASSWORD",
        *(f"{vendor}_{name}" for vendor in ("DTR", "MSR") for name in ("KEY", "HTTP_PROXY", "HTTPS_PROXY")),
    }


def test_what_asks_no_control_plane_shows_no_secret_at_all(
    transport: InspectedTransport, bootstrapper: Bootstrapper
) -> None:
    bootstrapper.images()
    assert in_environment(transport) == set()
    with ControlPlaneBackup(transport, "lab/ucp:3.2.6").stream() as stream:
        assert stream.read() == b""
    assert in_environment(transport) == set()
