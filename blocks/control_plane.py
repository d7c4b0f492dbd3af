"""The control plane: UCP or MKE."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.control_plane_backup import ControlPlaneBackupSettings
from blocks.paths import FilePath
from blocks.secret_references import SecretReference, resolve
from runbook.domain.errors import InvalidConfigError
from runbook.remote.control_plane_api import ControlPlane


class ControlPlaneSettings(BaseModel):
    """URL and administrator of the control plane, and how its certificate is trusted."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https://", description="https://host[:port] of UCP / MKE")
    user: str = Field(min_length=1, description="An administrator of the control plane")
    password: SecretReference = Field(description="env:NAME, file:PATH or block:NAME")
    ca_file: FilePath | None = Field(
        default=None, description="CA of the control plane, PEM (https://HOST/ca of it)"
    )
    insecure_tls: bool = Field(
        default=False, description="Do not verify the certificate; for rehearsals only"
    )
    backup: ControlPlaneBackupSettings | None = Field(
        default=None, description="Takes users, organisations and teams into each recovery point"
    )

    @model_validator(mode="after")
    def _one_way_to_trust(self) -> "ControlPlaneSettings":
        if bool(self.ca_file) == self.insecure_tls:
            raise ValueError("give either ca_file or insecure_tls: true")
        return self

    def ca_pem(self) -> str | None:
        """Return the CA's PEM text, None where verification is switched off."""
        if self.ca_file is None:
            return None
        try:
            return Path(self.ca_file).read_text(encoding="utf-8")
        except OSError as exc:
            raise InvalidConfigError(
                f"control_plane.ca_file {self.ca_file}",
                f"cannot be read: {exc.strerror}",
                "fetch it once from https://<control plane>/ca and check its fingerprint",
            ) from exc

    def connect(self) -> ControlPlane:
        """Return a client; nothing is sent yet."""
        return ControlPlane(
            url=self.url, user=self.user, password=resolve(self.password), ca_pem=self.ca_pem()
        )
