"""The registry's own certificate; without it the registry makes one of its own authority."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from blocks.paths import FilePath
from blocks.secret_references import SecretReference
from runbook.domain.errors import InvalidConfigError


class RegistryTlsSettings(BaseModel):
    """A certificate that names the external URL's host, and the key that belongs to it."""

    model_config = ConfigDict(extra="forbid")

    cert_file: FilePath = Field(description="Certificate, PEM, its chain appended")
    key: SecretReference = Field(description="Its private key: env:NAME, file:PATH or block:NAME")
    ca_file: FilePath | None = Field(
        default=None, description="CA that signed it, PEM; left out: a public one"
    )

    def certificate_pem(self) -> str:
        """Return the certificate with its chain."""
        return read_pem("registry.tls.cert_file", self.cert_file)

    def ca_pem(self) -> str | None:
        """Return the CA's PEM text, None for a public one."""
        return read_pem("registry.tls.ca_file", self.ca_file) if self.ca_file else None


def read_pem(where: str, path: str) -> str:
    """Return the text of a PEM file that the cluster file names as `where`."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as exc:
        what = f"{path} cannot be read: {exc.strerror}"
        raise InvalidConfigError(where, what, "write it there, PEM") from exc
    except UnicodeDecodeError as exc:
        raise InvalidConfigError(where, f"{path} is no PEM text", "convert it to PEM") from exc
