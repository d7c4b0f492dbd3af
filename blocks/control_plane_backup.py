"""The control plane's own backup, taken into each recovery point."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from runbook.domain.control_plane_backup import why_not_backed_up
from runbook.domain.errors import RefusedError
from runbook.domain.versions import parse_version
from runbook.remote.control_plane_api import ControlPlane


def _check_version(text: str) -> str:
    if reason := why_not_backed_up(parse_version(text)):
        raise ValueError(reason)
    return text


class ControlPlaneBackupSettings(BaseModel):
    """The image that writes it. There is no passphrase: the archive is encrypted as all parts of a point are."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(pattern=r"^\S+$", description="Image without tag: mirantis/ucp, docker/ucp, …")
    version: Annotated[str, AfterValidator(_check_version)] | None = Field(
        default=None, description="Its tag; left out: the version that the control plane says it runs"
    )

    def image_for(self, control_plane: ControlPlane) -> str:
        """Return the image with its tag; RefusedError where the version that runs cannot be backed up so."""
        if self.version:
            return f"{self.image}:{self.version}"
        version = control_plane.version()
        if reason := why_not_backed_up(version):
            raise RefusedError(
                control_plane.where, reason, "leave `control_plane.backup` out, and back it up by hand"
            )
        return f"{self.image}:{version}"
