"""Where recovery points are kept, and for whom they are encrypted."""

from typing import Annotated

from pydantic import AfterValidator, Field

from blocks.copies import CopySettings
from blocks.limits import Limits, SizeBandSettings
from blocks.object_lock import ObjectLockSettings
from blocks.retention import RetentionSettings
from blocks.s3_access import S3Access
from blocks.secret_references import SecretReference
from blocks.vault_credentials import VaultCredentials
from blocks.vault_encryption import ServerSideEncryptionSettings
from runbook.domain.access import Role
from runbook.domain.errors import InvalidConfigError
from runbook.remote.encryption import canonical_recipient
from runbook.remote.s3 import S3Settings
from runbook.remote.write_options import WriteOptions


def _check_recipient(text: str) -> str:
    """Return the key; what stands here by mistake may be a private one, so it is not repeated."""
    try:
        return canonical_recipient(text)
    except InvalidConfigError:
        raise ValueError("is no age public key; write the age1… that `age-keygen -y` shows") from None


class VaultSettings(S3Access):
    """A folder (`file:///backups`) or a bucket (`s3://bucket/prefix`); either must be there."""

    url: str = Field(pattern=r"^(file:///|s3://)\S+", description="file:///folder or s3://bucket[/prefix]")
    region: str | None = Field(default=None, description="Region of the bucket")
    recipients: list[Annotated[str, AfterValidator(_check_recipient)]] = Field(
        min_length=1, description="age public keys (age1...) that can open a point"
    )
    identity: SecretReference = Field(
        description="age private key; proves each point and opens it on restore"
    )
    retention: RetentionSettings = RetentionSettings()
    copies: list[CopySettings] = Field(
        default_factory=list, description="Other vaults that `copy` keeps the points in once more"
    )
    object_lock: ObjectLockSettings | None = Field(
        default=None, description="Points that nobody may delete before their date; a bucket's alone"
    )
    escrow_identity: SecretReference | None = Field(
        default=None, description="age private key that is kept elsewhere, where a machine may read it"
    )
    escrow_probe_days: int = Field(
        default=180, ge=1, description="After how long `check` wants each recipient's key proven again"
    )
    encrypt_blobs: bool = Field(
        default=False, description="Image data too is encrypted for the recipients, by this machine"
    )
    server_side_encryption: ServerSideEncryptionSettings | None = Field(
        default=None, description="How the bucket is asked to encrypt; left out: as it does by itself"
    )
    credentials: VaultCredentials = Field(
        default_factory=VaultCredentials, description="Keys for each who uses a bucket; else the vault's own"
    )
    limits: Limits = Limits()
    size_band: SizeBandSettings = SizeBandSettings()

    def reached_as(self, role: Role) -> S3Settings:
        """Return what a client of that role needs; no other role's keys are resolved."""
        own = self.credentials.of(role)
        access = self.model_copy(update=own.model_dump()) if own else self
        return access.reached_in(self.region or "us-east-1")

    def write_options(self) -> WriteOptions:
        """Return what every object is written with."""
        encryption = self.server_side_encryption
        return WriteOptions(
            lock=self.object_lock.lock() if self.object_lock else None,
            encryption=encryption.options() if encryption else None,
        )
