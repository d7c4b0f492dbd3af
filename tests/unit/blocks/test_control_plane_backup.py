from typing import Any

import pytest
from pydantic import ValidationError

from blocks.control_plane import ControlPlaneSettings
from blocks.control_plane_backup import ControlPlaneBackupSettings
from runbook.domain.errors import RefusedError
from runbook.domain.versions import Version, parse_version

URL = {"url": "https://mke.example.com", "user": "admin", "password": "env:X", "insecure_tls": True}


class Plane:
    """A control plane of one version."""

    where = "control plane https://mke.example.com"

    def __init__(self, version: str) -> None:
        self._version = parse_version(version)

    def version(self) -> Version:
        return self._version


def settings(**given: Any) -> ControlPlaneBackupSettings:
    return ControlPlaneBackupSettings.model_validate({"image": "mirantis/ucp", **given})


def test_left_out_there_is_no_such_backup() -> None:
    assert ControlPlaneSettings.model_validate(URL).backup is None


def test_the_image_is_of_the_version_that_runs() -> None:
    assert settings().image_for(Plane("3.7.12")) == "mirantis/ucp:3.7.12"  # type: ignore[arg-type]  # it has all that is asked


def test_a_version_in_the_cluster_file_wins() -> None:
    assert settings(version="3.7.13").image_for(Plane("3.7.12")) == "mirantis/ucp:3.7.13"  # type: ignore[arg-type]


def test_a_control_plane_that_its_backup_would_stop_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"the backup of version 2\.2\.4 stops the control plane"):
        settings().image_for(Plane("2.2.4"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", [{"version": "3.1.16"}, {"version": "latest"}, {"image": ""}, {"passphrase": "x"}]
)
def test_what_cannot_be_is_refused_in_the_cluster_file(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)
