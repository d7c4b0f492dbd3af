"""Secrets that a run is given are in no log line, no argument list and no error, whatever goes wrong."""

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.commands import InstallSpec
from runbook.domain.errors import RunbookError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlane, ControlPlaneAccess
from runbook.remote.docker_transport import DockerTransport
from runbook.remote.ssh import SshPool, SshTarget
from runbook.remote.ssh_transport import SshTransport
from tests.fakes.tls_site import ControlPlaneSite
from tests.integration import ssh_credentials
from tests.integration.real_sshd import OPERATOR, behind, site_of_operator, sshd_site
from tests.process_watch import ProcessWatch
from tests.unit.remote.test_client_bundle import zipped

PASSWORD, PASSPHRASE = "Tr0ub4dor-control-plane", "correct-horse-passphrase"
BAD_BOOTSTRAPPER = """#!/bin/sh
[ "$1" = run ] || exit 0
echo "INFO[0001] logging in as admin with $UCP_PASSWORD" >&2
sleep 0.3
echo "FATA[0002] the password $UCP_PASSWORD did not do" >&2
exit 1
"""


@pytest.fixture
def way_in(tmp_path: Path) -> Iterator[SshTarget]:
    """A node behind a jump host, with a passphrase, sudo, and a bootstrapper that tells all it knows."""
    (tmp_path / "node").mkdir()
    (tmp_path / "jump").mkdir()
    sudoers = f"{OPERATOR} ALL=(ALL) NOPASSWD: ALL"
    with site_of_operator(tmp_path / "node", sudoers) as node, sshd_site(tmp_path / "jump") as jump:
        program = tmp_path / "node" / "bin" / "docker"
        program.write_text(BAD_BOOTSTRAPPER)
        program.chmod(0o755)
        target = replace(behind(jump, node.target), sudo=True, passphrase=SecretStr(PASSPHRASE))
        assert target.private_key
        assert target.jump
        key = ssh_credentials.encrypted(tmp_path, target.private_key, PASSPHRASE)
        hop = replace(target.jump, private_key=key, passphrase=SecretStr(PASSPHRASE))
        yield replace(target, private_key=key, jump=hop)


def body(key: SecretStr | bytes) -> str:
    text = key.decode() if isinstance(key, bytes) else key.get_secret_value()
    return text.splitlines()[2]


def test_nothing_that_is_logged_raised_or_started_holds_a_secret(
    way_in: SshTarget, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ControlPlaneSite(tmp_path, {}) as site:
        pem, tls_key = site.certificate.pem, site.certificate.key
        site.password = PASSWORD
        site.answers["/api/clientbundle"] = (
            200,
            zipped({"ca.pem": pem, "cert.pem": pem, "key.pem": tls_key}),
        )
        access = ControlPlaneAccess(site.url, "admin", SecretStr(PASSWORD), pem.decode())
        assert way_in.private_key
        secrets = {
            "password": PASSWORD,
            "passphrase": PASSPHRASE,
            "ssh key": body(way_in.private_key),
            "tls key": body(tls_key),
            "token": "token-1",
        }
        with ProcessWatch(secrets) as watch:
            errors = [fails(way_in, access), wrong_passphrase(way_in), *bad_control_plane(site, access)]
    said = caplog.text + "".join("".join(traceback.format_exception(error)) for error in errors)
    assert "the password ******** did not do" in said
    assert [name for name, value in secrets.items() if value in said or value in repr(way_in)] == []
    assert watch.programs
    assert watch.exposed == set()
    assert watch.held <= {("password", "UCP_PASSWORD")}


def fails(target: SshTarget, access: ControlPlaneAccess) -> RunbookError:
    with SshPool() as pool, pytest.raises(RunbookError) as failed:
        transport = SshTransport(pool, [target], [target])
        Bootstrapper(transport, "lab/dtr:1", Version(2, 9, 29), access).install(
            InstallSpec("dtr1", "https://lb")
        )
    return failed.value


def wrong_passphrase(target: SshTarget) -> RunbookError:
    with SshPool() as pool, pytest.raises(RunbookError) as failed:
        pool.get(replace(target, passphrase=SecretStr(f"not-{PASSPHRASE}")))
    return failed.value


def bad_control_plane(site: ControlPlaneSite, access: ControlPlaneAccess) -> Iterator[RunbookError]:
    """Yield what a bundle that no engine takes, and then a password that is wrong, end in."""
    with ControlPlane(site.url, "admin", access.password, access.ca_pem) as plane:
        with pytest.raises(RunbookError) as failed:
            DockerTransport(plane)
        yield failed.value
    site.password = "another"
    with (
        ControlPlane(site.url, "admin", access.password, access.ca_pem) as plane,
        pytest.raises(RunbookError) as refused,
    ):
        plane.login()
    yield refused.value
