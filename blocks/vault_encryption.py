"""How a bucket is asked to encrypt what is written to it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from runbook.remote.write_options import ServerSideEncryption


class Algorithm(StrEnum):
    """`AES256`: the bucket's own keys; `aws:kms`: those of a key service."""

    AES256 = "AES256"
    KMS = "aws:kms"


class ServerSideEncryptionSettings(BaseModel):
    """Sent with every object; the bucket does the work."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Algorithm = Field(description="`AES256`: the bucket's own keys; `aws:kms`: a key service's")
    kms_key_id: str | None = Field(
        default=None, description="For aws:kms; left out: the account's default key"
    )

    def options(self) -> ServerSideEncryption:
        """Return it as the vault takes it."""
        return ServerSideEncryption(self.algorithm.value, self.kms_key_id)
